internal import GatewayAgent
internal import GatewayModel

/// The daemon's log: one line an event, nothing while nothing happens.
enum DaemonLogText {
    static func line(_ event: PassEvent) -> String? {
        switch event {
        case .note(let text): "gwe: \(text)"
        case .problem(let text): "gwe: problem: \(text)"
        case .plan(let plan): plan.isEmpty ? nil : "gwe: \(plan.footer)"
        case .step(_, _, .started, _), .progress: nil
        case .step(let app, let step, let outcome, let message):
            "gwe: \(app): \(step.rawValue) \(outcome.rawValue)" + (message.isEmpty ? "" : ": \(message)")
        case .result(let status, let summary):
            summary.isEmpty && status == .success ? nil : "gwe: pass ended with \(status.rawValue): \(summary)"
        }
    }
}
