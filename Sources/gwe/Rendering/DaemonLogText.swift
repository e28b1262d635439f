internal import GatewayAgent
internal import GatewayModel

/// The daemon's log: one line an event, nothing while nothing happens.
enum DaemonLogText {
    /// The lines of an event, each with the time in front; nil when it has none.
    /// - Parameter time: nil where whoever takes the lines gives them their time, as journald does.
    static func line(_ event: PassEvent, at time: WallTime?) -> String? {
        guard let text = line(event) else { return nil }
        let stamp = time.map { "\($0) " } ?? ""
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("gwe: ") ? "\(stamp)\(line)" : "\(stamp)gwe:   \(line)"
        }
        return lines.joined(separator: "\n")
    }

    static func line(_ event: PassEvent) -> String? {
        switch event {
        case .note(let text): "gwe: \(text)"
        case .problem(let text): "gwe: problem: \(text)"
        case .plan(let plan): text(of: plan)
        case .step(_, _, .started, _), .progress: nil
        case .step(let app, let step, let outcome, let message):
            "gwe: \(app): \(step.rawValue) \(outcome.rawValue)" + (message.isEmpty ? "" : ": \(message)")
        case .result(_, let summary) where summary.hasPrefix(DaemonProcess.startFailure): "gwe: \(summary)"
        case .result(let status, let summary):
            summary.isEmpty && status == .success ? nil : "gwe: pass ended with \(status.rawValue): \(summary)"
        }
    }

    /// What is to be done, and why nothing can be done for an app.
    private static func text(of plan: Plan) -> String? {
        var lines = plan.apps.filter { $0.action == .blocked }.map { "gwe: \($0.app): blocked: \($0.reason)" }
        if !plan.isEmpty { lines.append("gwe: \(plan.footer)") }
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }
}
