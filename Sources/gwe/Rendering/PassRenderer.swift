internal import Documents
internal import GatewayModel
internal import Wire

/// Shows the lines of a pass, from this process or from the daemon's socket: both say the same.
struct PassRenderer {
    let isJSON: Bool
    let isDryRun: Bool
    let out = Terminal(descriptor: 1)
    let err = Terminal(descriptor: 2)
    private var progress: ProgressLine
    /// The step that has begun and not ended.
    private var running: PassLine.StepLine?
    /// Set by the last line of a pass.
    private(set) var exit: ExitStatus?

    init(isJSON: Bool, isDryRun: Bool) {
        self.isJSON = isJSON
        self.isDryRun = isDryRun
        progress = ProgressLine(terminal: err)
    }

    /// - Parameter json: the line as it came, where it came from elsewhere.
    mutating func show(_ line: PassLine, _ json: JSONValue? = nil) {
        if case .result(let exit, _) = line { self.exit = exit }
        if case .step(let step) = line { running = step.outcome.known == .started ? step : nil }
        if isJSON { return emit((json ?? line.json).text()) }
        switch line {
        case .plan(let plan): PlanText(plan: plan, terminal: out).lines.forEach(emit)
        case .step(let step): show(step)
        case .progress(let made): progress.show(made)
        case .note(let message), .problem(let message):
            progress.clear()
            tell("gwe: " + message)
        case .result(_, let message):
            progress.clear()
            if !message.isEmpty { isDryRun ? tell("gwe: \(message)") : emit(message) }
        case .other: break
        }
    }

    /// Nothing has come for a while.
    mutating func showWaiting(for pid: Int32?) {
        progress.clear()
        let pass = "the pass" + (pid.map { " of process \($0)" } ?? " of the daemon")
        tell("gwe: waiting for " + (running.map { "\($0.app): \($0.step.text), in \(pass)" } ?? pass))
    }

    private mutating func show(_ step: PassLine.StepLine) {
        let words: String
        let style: Terminal.Style?
        switch step.outcome.known {
        case .started: return
        case .done: (words, style) = ("done", .green)
        case .alreadySatisfied: (words, style) = ("already", .dim)
        case .failed: (words, style) = ("failed", .red)
        case .skipped: (words, style) = ("skipped", .yellow)
        case nil: (words, style) = (step.outcome.text, nil)
        }
        progress.clear()
        let padded = words + String(repeating: " ", count: max(0, 7 - words.count))
        let message = step.message.isEmpty ? "" : ": \(step.message)"
        emit("  \(out.paint(padded, style))  \(step.app): \(step.step.text)\(message)")
    }
}

/// One line that is painted over on a terminal; elsewhere a line for every tenth of the way.
struct ProgressLine {
    let terminal: Terminal
    private var isPainted = false
    private var lastTenth: [AppName: Int64] = [:]

    init(terminal: Terminal) { self.terminal = terminal }

    mutating func show(_ made: PassLine.Progress) {
        let (app, bytes, total) = (made.app, made.byteCount, made.total)
        guard terminal.isTerminal else {
            guard let total, total >= 1 << 20 else { return }
            let tenth = Int64(Double(max(0, min(bytes, total))) / Double(total) * 10)
            guard tenth > lastTenth[app] ?? 0 else { return }
            lastTenth[app] = tenth
            return tell("gwe: \(app): \(tenth * 10) % of \(byteText(total))")
        }
        var line = "\(app): \(byteText(bytes))"
        if let total, total > 0 {
            let part = Double(max(0, min(bytes, total))) / Double(total)
            let filled = Int(part * 24)
            let (full, empty) = terminal.isUTF8 ? ("█", "░") : ("#", ".")
            let bar = String(repeating: full, count: filled) + String(repeating: empty, count: 24 - filled)
            line = "\(app): \(bar) \(Int(part * 100)) % of \(byteText(total))"
        }
        writeAll("\r\u{1B}[K" + TerminalText.safe(line), to: 2)
        isPainted = true
    }

    mutating func clear() {
        guard isPainted else { return }
        writeAll("\r\u{1B}[K", to: 2)
        isPainted = false
    }
}
