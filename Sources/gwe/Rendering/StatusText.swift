internal import GatewayModel
internal import Wire

/// `gwe status` for people: one summary line, then a table.
struct StatusText {
    let status: GatewayStatusDocument
    let terminal: Terminal

    var lines: [String] {
        var lines = [summary]
        lines += cloud.map { terminal.paint($0, .yellow) }
        lines += status.problems.map { StatusText.problem($0, terminal) }
        lines += status.notes.map { "note: \($0)" }
        guard !status.apps.isEmpty else { return lines }
        let head = ["APP", "DESIRED", "INSTALLED", "SYNC", "HEALTH", "STATE", "PID", "UPTIME"]
        let all = table(
            [head] + status.apps.map(StatusText.row), columns: terminal.columns, droppable: [7, 6, 2],
            ellipsis: terminal.ellipsis)
        lines += ["", all[0]]
        for (line, app) in zip(all.dropFirst(), status.apps) {
            let isFine = app.sync.sync == .synced && app.health.known != .down
            lines.append(isFine ? line : terminal.paint(line, .yellow))
        }
        let reasons = status.apps.compactMap(StatusText.reason).flatMap { reason -> [String] in
            let pieces = terminal.columns.map { wrapped(reason, max(24, $0 - 4)) } ?? [reason]
            return pieces.enumerated().map { number, piece in (number == 0 ? "  " : "    ") + piece }
        }
        return reasons.isEmpty ? lines : lines + [""] + reasons
    }

    /// What is shown where the journal cannot be read.
    static func lines(unreadable problems: [String], _ terminal: Terminal) -> [String] {
        let nothing = GatewayStatusDocument.Summary(apps: 0, synced: 0, drifted: 0, failed: 0)
        let counts = StatusText.counts(nothing).joined(separator: ", ")
        return [terminal.paint(counts, .bold)] + problems.map { problem($0, terminal) }
    }

    private static func problem(_ text: String, _ terminal: Terminal) -> String {
        terminal.paint("problem: \(text)", .red)
    }

    /// Why an app is not as it is wanted, or does not run, and what its change waits for.
    private static func reason(_ app: AppStatusDocument) -> String? {
        var words: [String] = []
        if app.sync.sync != .synced, let reason = app.reason { words.append(reason) }
        if let waits = app.waits { words.append("waits: \(waits)") }
        if let holder = app.heldBy { words.append("held by \(holder)") }
        if let stopper = app.stoppedBy { words.append("stopped by \(stopper)") }
        if app.health.known == .down || app.health.known == .degraded {
            if let error = app.healthReason ?? app.lastError { words.append(error) }
        } else if app.sync.sync == .drifted, let error = app.lastError {
            words.append(error)
        }
        return words.isEmpty ? nil : "\(app.app): " + words.joined(separator: "; ")
    }

    private static func row(_ app: AppStatusDocument) -> [String] {
        let cells = [
            app.app.text, app.desired?.text, app.installed?.text,
            app.sync.text + (app.heldBy == nil || app.sync.sync == .held ? "" : ", held"), app.health.text, app.state,
            app.pid.map { String($0) }, app.uptime,
        ]
        return cells.map(cell)
    }

    /// What is wrong with the cloud, since when, when it is tried again, the error itself, and what to do:
    ///
    ///     cloud: the cloud's name is not found (DNS)
    ///       since 2026-11-22T15:20:45Z, 3 tries, next try in 12m 4s
    ///       cannot read engine_fetch: cannot resolve cloud.example
    ///       to do: 'gwe doctor' looks for the cause
    private var cloud: [String] {
        guard let trouble = status.cloud?.trouble else { return [] }
        var times = "  since \(StatusText.moment(trouble.since))"
        times += ", \(trouble.attempts) \(trouble.attempts == 1 ? "try" : "tries"), "
        if status.nextPoll != nil {
            times += "next try \(trouble.nextTry ?? "with the next pass")"
        } else if let next = trouble.nextTry {
            times += "not tried again before its time, \(next)"
        } else {
            times += "next try with the next pass (gwe reconcile)"
        }
        var lines = ["cloud: \(trouble.words)", times]
        if !trouble.reason.isEmpty { lines.append("  \(trouble.reason)") }
        if let advice = advice(trouble.kind.known) { lines.append("  to do: \(advice)") }
        return lines
    }

    private func advice(_ kind: CloudTrouble.Kind?) -> String? {
        switch kind {
        case .notActivated: "'gwe activate' asks the cloud for a token"
        case .notAuthorised, .unknownDevice: "add or enable this gateway in the cloud, then 'gwe activate'"
        case .alreadyActivated:
            "enable its activation in the cloud again, then 'gwe activate'; or put its token back "
                + "('gwe config set token -')"
        case .clock, .certificateExpired, .tls:
            status.isClockTrusted
                ? "'gwe doctor' looks at the clock and at the certificates"
                : "set the clock (NTP, or date -s); the cloud is asked again as soon as it is set"
        case .captivePortal: "log in to that network, or use another"
        case .busy, .serverError: nil
        case .noSpace: "free space on the disk"
        case .dns, .noConnection, .timeout, .badLink, .proxy, .garbledAnswer, .refused, .storage, .configuration,
            .artifact, nil:
            "'gwe doctor' looks for the cause"
        }
    }

    /// A time in doubt is one since boot.
    private static func moment(_ text: String) -> String {
        text.hasPrefix("boot+") ? "\(text.dropFirst(5)) after boot" : text
    }

    private static func counts(_ summary: GatewayStatusDocument.Summary) -> [String] {
        [
            "\(summary.apps) \(summary.apps == 1 ? "app" : "apps")", "\(summary.synced) in sync",
            "\(summary.drifted) drifted", "\(summary.failed) failed",
        ] + summary.others.map { "\($0.count) \($0.name)" }
    }

    private var summary: String {
        var parts = StatusText.counts(status.summary)
        if let next = status.nextPoll { parts.append("next poll \(next)") }
        if !status.isSupervised { parts.append("nothing is supervised") }
        let doubt = status.clock.map { ": it is \($0)" } ?? ""
        parts.append(status.isClockTrusted ? "clock trusted" : "clock not trusted\(doubt)")
        if let free = status.freeByteCount { parts.append("disk \(byteText(free)) free") }
        return terminal.paint(parts.joined(separator: ", "), .bold)
    }
}

/// A cell of a table; `-` where there is nothing to say.
private func cell(_ text: String?) -> String { text.flatMap { $0.isEmpty ? nil : $0 } ?? "-" }

/// `gwe status APP` for people: its details.
struct AppStatusText {
    let detail: AppDetail
    let terminal: Terminal

    var lines: [String] {
        let app = detail.app
        let facts: [(String, String?)] = [
            ("app", app.app.text), ("desired", app.desired?.text), ("source", app.source),
            ("installed", app.installed?.text ?? "-"), ("digest", app.digest?.hex), ("kind", app.kind?.text),
            ("sync", app.sync.text), ("health", app.health.text), ("health check", app.healthReason),
            ("state", app.state), ("pid", app.pid.map { String($0) }), ("uptime", app.uptime),
            ("last exit", app.exitStatus.map { String($0) }), ("restarts", app.restarts.map { String($0) }),
            ("reason", app.reason), ("waits", app.waits), ("held by", app.heldBy), ("stopped by", app.stoppedBy),
            ("last error", app.lastError), ("next action", app.nextAction?.text),
        ]
        var lines = table(
            facts.compactMap { label, text in
                let text = cell(text)
                return text == "-" && label != "installed" ? nil : [label + ":", text]
            }, columns: terminal.columns, wrapsLast: true, ellipsis: terminal.ellipsis)
        if !app.processes.isEmpty {
            let head = ["PROCESS", "STATE", "PID", "UPTIME", "RESTARTS", "LAST ERROR"]
            let rows = table(
                [head] + app.processes.map(AppStatusText.row), columns: terminal.columns, droppable: [4, 3],
                wrapsLast: true, ellipsis: terminal.ellipsis)
            lines += [""] + rows
        }
        lines += app.drift.map { "  drift: \($0.message)" }
        if !detail.log.isEmpty { lines += ["", "last lines of its log:"] + detail.log.map { "  \($0)" } }
        return lines
    }

    private static func row(_ process: ProcessDocument) -> [String] {
        let cells = [
            process.process, process.state, process.pid.map { String($0) }, process.uptime, String(process.restarts),
            process.lastError,
        ]
        return cells.map(cell)
    }
}
