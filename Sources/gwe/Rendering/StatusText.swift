internal import Documents

/// `gwe status` for people: one summary line, then a table; for one app, its details.
struct StatusText {
    let status: JSONValue
    let terminal: Terminal

    var lines: [String] {
        var lines = [summary]
        if let cloud { lines.append(terminal.paint(cloud, .yellow)) }
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

    /// "cloud: the cloud's name is not found (DNS), since 2026-11-22T15:20:45Z, 3 tries, next try in 12m 4s".
    private var cloud: String? {
        guard let cloud = status["cloud"], let trouble = cloud["trouble"]?.string else { return nil }
        let tries = cloud["attempts"]?.int ?? 1
        var text = "cloud: \(trouble), since \(cloud["since"]?.string ?? "?"), "
        text += tries == 1 ? "1 try" : "\(tries) tries"
        text += ", next try \(cloud["next_try"]?.string ?? "with the next pass")"
        if let reason = cloud["reason"]?.string, !reason.isEmpty { text += " (\(reason))" }
        return text
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
