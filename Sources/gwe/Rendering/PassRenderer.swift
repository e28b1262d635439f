internal import Documents
internal import GatewayModel

/// Shows the events of a pass, from this process or from the daemon's socket: both are the same JSON objects.
struct PassRenderer {
    let isJSON: Bool
    let isDryRun: Bool
    let out = Terminal(descriptor: 1)
    let err = Terminal(descriptor: 2)
    private var progress: ProgressLine
    /// Set by the last event of a pass.
    private(set) var exit: ExitStatus?

    init(isJSON: Bool, isDryRun: Bool) {
        self.isJSON = isJSON
        self.isDryRun = isDryRun
        progress = ProgressLine(terminal: err)
    }

    mutating func show(_ event: JSONValue) {
        if event["type"]?.string == "result", let code = event["exit"]?.int {
            exit = ExitStatus(rawValue: Int32(truncatingIfNeeded: code)) ?? .internalError
        }
        if isJSON { return emit(event.text()) }
        switch event["type"]?.string {
        case "plan": PlanText(plan: event, terminal: out).lines.forEach(emit)
        case "step": show(step: event)
        case "progress": progress.show(event)
        case "note", "problem":
            progress.clear()
            tell("gwe: " + (event["message"]?.string ?? ""))
        case "result":
            progress.clear()
            if let message = event["message"]?.string, !message.isEmpty {
                isDryRun ? tell("gwe: \(message)") : emit(message)
            }
        default: break
        }
    }

    private mutating func show(step: JSONValue) {
        let outcome = step["outcome"]?.string ?? ""
        guard outcome != StepOutcome.started.rawValue else { return }
        progress.clear()
        let message = step["message"]?.string ?? ""
        let words: String
        let style: Terminal.Style?
        switch StepOutcome(rawValue: outcome) {
        case .done: (words, style) = ("done", .green)
        case .alreadySatisfied: (words, style) = ("already", .dim)
        case .failed: (words, style) = ("failed", .red)
        case .skipped: (words, style) = ("skipped", .yellow)
        case .started, nil: (words, style) = (outcome, nil)
        }
        let padded = words + String(repeating: " ", count: max(0, 7 - words.count))
        let name = "\(step["app"]?.string ?? ""): \(step["step"]?.string ?? "")"
        emit("  \(out.paint(padded, style))  \(name)" + (message.isEmpty ? "" : ": \(message)"))
    }
}

/// One line that is painted over on a terminal; elsewhere a line for every tenth of the way.
struct ProgressLine {
    let terminal: Terminal
    private var isPainted = false
    private var lastTenth: [String: Int64] = [:]

    init(terminal: Terminal) { self.terminal = terminal }

    mutating func show(_ event: JSONValue) {
        let app = event["app"]?.string ?? ""
        let bytes = event["bytes"]?.int ?? 0
        let total = event["total"]?.int
        guard terminal.isTerminal else {
            guard let total, total >= 1 << 20 else { return }
            let tenth = bytes * 10 / total
            guard tenth > lastTenth[app] ?? 0 else { return }
            lastTenth[app] = tenth
            return tell("gwe: \(app): \(tenth * 10) % of \(byteText(total))")
        }
        var line = "\(app): \(byteText(bytes))"
        if let total, total > 0 {
            let filled = Int(min(bytes, total) * 24 / total)
            let (full, empty) = terminal.isUTF8 ? ("█", "░") : ("#", ".")
            let bar = String(repeating: full, count: filled) + String(repeating: empty, count: 24 - filled)
            line = "\(app): \(bar) \(min(bytes, total) * 100 / total) % of \(byteText(total))"
        }
        writeAll("\r\u{1B}[K\(line)", to: 2)
        isPainted = true
    }

    mutating func clear() {
        guard isPainted else { return }
        writeAll("\r\u{1B}[K", to: 2)
        isPainted = false
    }
}
