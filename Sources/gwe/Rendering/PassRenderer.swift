internal import Documents
internal import GatewayModel
internal import Wire

/// Shows the lines of a pass, from this process or from the daemon's socket: both say the same.
struct PassRenderer {
    let isJSON: Bool
    let isDryRun: Bool
    /// Whether only problems are shown, and a result that is not 0.
    let isQuiet: Bool
    let out = Terminal(descriptor: 1)
    let err = Terminal(descriptor: 2)
    private var progress: ProgressLine
    private var position = PassPosition()
    /// The step that has begun and not ended.
    private var running: PassLine.StepLine?
    /// Set by the last line of a pass.
    private(set) var exit: ExitStatus?

    init(isJSON: Bool, isDryRun: Bool, isQuiet: Bool = false) {
        self.isJSON = isJSON
        self.isDryRun = isDryRun
        self.isQuiet = isQuiet
        progress = ProgressLine(terminal: err)
    }

    /// - Parameter json: the line as it came, where it came from elsewhere.
    mutating func show(_ line: PassLine, _ json: JSONValue? = nil) {
        if case .result(let exit, _) = line { self.exit = exit }
        if case .step(let step) = line { running = step.outcome.known == .started ? step : nil }
        if isJSON { return emit((json ?? line.json).text()) }
        if isQuiet { return showQuietly(line) }
        switch line {
        case .plan(let plan):
            position = PassPosition(plan)
            PlanText(plan: plan, terminal: out).lines.forEach(emit)
        case .step(let step): show(step)
        case .progress(let made): progress.show(made, position.words(made.app, isFetch: true))
        case .note(let message), .problem(let message):
            progress.clear()
            tell("gwe: " + message)
        case .result(_, let message):
            progress.clear()
            if !message.isEmpty { isDryRun ? tell("gwe: \(message)") : emit(message) }
        case .other: break
        }
    }

    private func showQuietly(_ line: PassLine) {
        switch line {
        case .problem(let message): tell("gwe: " + message)
        case .result(let exit, let message): if exit != .success, !message.isEmpty { tell("gwe: \(message)") }
        case .plan, .step, .progress, .note, .other: break
        }
    }

    /// Nothing has come for a while.
    mutating func showWaiting(for pid: Int32?) {
        if isQuiet { return }
        progress.clear()
        let pass = "the pass" + (pid.map { " of process \($0)" } ?? " of the daemon")
        tell("gwe: waiting for " + (running.map { "\($0.app): \($0.step.text), in \(pass)" } ?? pass))
    }

    private mutating func show(_ step: PassLine.StepLine) {
        position.note(step)
        let words: String
        let style: Terminal.Style?
        switch step.outcome.known {
        case .started: return progress.show(step, position.words(step.app, isFetch: step.step.known?.isFetch == true))
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
