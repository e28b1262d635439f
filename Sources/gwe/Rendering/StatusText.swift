internal import Documents

/// `gwe status` for people: one summary line, then a table; for one app, its details.
struct StatusText {
    let status: JSONValue
    let terminal: Terminal

    var lines: [String] {
        var lines = [summary]
        lines += cloud.map { terminal.paint($0, .yellow) }
        for problem in status["problems"]?.elements ?? [] {
            lines.append(terminal.paint("problem: \(problem.string ?? "")", .red))
        }
        for note in status["notes"]?.elements ?? [] { lines.append("note: \(note.string ?? "")") }
        let apps = status["apps"]?.elements ?? []
        guard !apps.isEmpty else { return lines }
        let rows = apps.map { app in
            ["app", "desired", "installed", "sync", "health", "state", "pid", "uptime"].map { key in cell(app[key]) }
        }
        let all = table([["APP", "DESIRED", "INSTALLED", "SYNC", "HEALTH", "STATE", "PID", "UPTIME"]] + rows)
        lines.append("")
        for (line, app) in zip(all, [JSONValue?.none] + apps.map(JSONValue?.some)) {
            let isFine = app.map { $0["sync"]?.string == "synced" && $0["health"]?.string != "down" } ?? true
            lines.append(isFine ? line : terminal.paint(line, .yellow))
        }
        return lines
    }

    /// What is wrong with the cloud, since when, when it is tried again, the error itself, and what to do:
    ///
    ///     cloud: the cloud's name is not found (DNS)
    ///       since 2026-11-22T15:20:45Z, 3 tries, next try in 12m 4s
    ///       cannot read engine_fetch: cannot resolve cloud.example
    ///       to do: 'gwe doctor' looks for the cause
    private var cloud: [String] {
        guard let cloud = status["cloud"], let trouble = cloud["trouble"]?.string else { return [] }
        let tries = cloud["attempts"]?.int ?? 1
        var times = "  since \(StatusText.moment(cloud["since"]?.string ?? "?"))"
        times += ", \(tries) \(tries == 1 ? "try" : "tries"), "
        let next = cloud["next_try"]?.string
        if status["next_poll"]?.string != nil {
            times += "next try \(next ?? "with the next pass")"
        } else if let next {
            times += "none is to follow before its time, \(next)"
        } else {
            times += "next try with the next pass (gwe reconcile)"
        }
        var lines = ["cloud: \(trouble)", times]
        if let reason = cloud["reason"]?.string, !reason.isEmpty { lines.append("  \(reason)") }
        if let advice = advice(cloud["kind"]?.string ?? "") { lines.append("  to do: \(advice)") }
        return lines
    }

    private func advice(_ kind: String) -> String? {
        let isInDoubt = status["clock_trusted"]?.bool == false
        return switch kind {
        case "not_activated": "'gwe activate' asks the cloud for a token"
        case "not_authorised", "unknown_device": "add or enable this gateway in the cloud, then 'gwe activate'"
        case "already_activated":
            "enable its activation in the cloud again, then 'gwe activate'; or put its token back "
                + "('gwe config set token -')"
        case "clock", "certificate_expired", "tls":
            isInDoubt
                ? "set the clock (NTP, or date -s); the cloud is asked again as soon as it is set"
                : "'gwe doctor' looks at the clock and at the certificates"
        case "captive_portal": "log in to that network, or use another"
        case "busy", "server_error": nil
        case "no_space": "free space on the disk"
        default: "'gwe doctor' looks for the cause"
        }
    }

    /// A time in doubt is one since boot.
    private static func moment(_ text: String) -> String {
        text.hasPrefix("boot+") ? "\(text.dropFirst(5)) after boot" : text
    }

    private func cell(_ value: JSONValue?) -> String {
        switch value {
        case .string(let text)?: text.isEmpty ? "-" : text
        case .int(let number)?: String(number)
        default: "-"
        }
    }

    private var summary: String {
        let count = { (key: String) in status["summary"]?[key]?.int ?? 0 }
        var parts = [
            "\(count("apps")) \(count("apps") == 1 ? "app" : "apps")", "\(count("synced")) in sync",
            "\(count("drifted")) drifted", "\(count("failed")) failed",
        ]
        if let next = status["next_poll"]?.string { parts.append("next poll \(next)") }
        if status["supervised"]?.bool == false { parts.append("nothing is supervised") }
        if let trusted = status["clock_trusted"]?.bool {
            let doubt = status["clock"]?.string.map { ": it is \($0)" } ?? ""
            parts.append(trusted ? "clock trusted" : "clock not trusted\(doubt)")
        }
        if let free = status["disk_free_bytes"]?.int { parts.append("disk \(byteText(free)) free") }
        if let queue = status["queue"]?.int { parts.append("queue \(queue)") }
        return terminal.paint(parts.joined(separator: ", "), .bold)
    }

    /// The details of one app.
    func detail(of app: JSONValue) -> [String] {
        var rows: [[String]] = []
        let facts = [
            ("app", "app"), ("desired", "desired"), ("source", "source"), ("installed", "installed"),
            ("digest", "digest"),
            ("kind", "kind"), ("sync", "sync"), ("health", "health"),
            ("health_reason", "health check"), ("state", "state"), ("pid", "pid"),
            ("uptime", "uptime"), ("exit_status", "last exit"), ("restarts", "restarts"), ("reason", "reason"),
            ("last_error", "last error"), ("next_action", "next action"),
        ]
        for (key, label) in facts {
            let text = cell(app[key])
            if text != "-" || key == "installed" { rows.append([label + ":", text]) }
        }
        var lines = table(rows)
        let processes = app["processes"]?.elements ?? []
        if !processes.isEmpty {
            let keys = ["process", "state", "pid", "uptime", "restarts"]
            let rows = processes.map { process in keys.map { cell(process[$0]) } + [cell(process["last_error"])] }
            lines += [""] + table([["PROCESS", "STATE", "PID", "UPTIME", "RESTARTS", "LAST ERROR"]] + rows)
        }
        for drift in app["drift"]?.elements ?? [] { lines.append("  drift: \(drift["message"]?.string ?? "")") }
        let log = app["log"]?.elements ?? []
        if !log.isEmpty { lines += ["", "last lines of its log:"] + log.map { "  \($0.string ?? "")" } }
        return lines
    }
}
