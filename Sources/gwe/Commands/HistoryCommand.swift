internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Wire

struct HistoryCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "The passes that changed something, newest first; with ID, the steps of one.")

    static let examples: [(line: String, does: String)] = [
        ("gwe history", "the last 20 passes"), ("gwe history 12", "every step of pass 12"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The number of one pass.")
    var id: Int64?

    @Option(name: [.customShort("n"), .long], help: .init("How many passes.", valueName: "count"))
    var limit = 20

    func run() throws {
        let context = try openContext(folders)
        do {
            guard let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock) else {
                return output.json ? emit("[]") : tell("gwe: no journal yet: nothing was ever changed")
            }
            // A pass that nobody runs any more was interrupted, though nobody could write that down.
            let isAtWork = StateLock.isHeld(context.folders.stateFolder)
            defer { tellOfSilentDaemon(context, "what it did last may be missing here") }
            if let id { return try show(id, journal, isAtWork) }
            let operations = try journal.operations(limit: max(1, min(limit, 200))).map { $0.ended(isAtWork) }
            let apps = try journal.appsOfOperations(from: operations.last?.id ?? 0)
            if output.json {
                return emit(operations.map { PassRecord($0, apps: apps[$0.id] ?? []) }.jsonText(indented: true))
            }
            let rows = operations.map { pass -> [String] in
                [
                    "\(pass.id)", "\(pass.startedAt)", pass.duration.map(HistoryCommand.text) ?? "-",
                    pass.outcome ?? "running", pass.reason, HistoryCommand.names(apps[pass.id] ?? []), pass.summary,
                ]
            }
            let head = ["ID", "STARTED", "TIME", "OUTCOME", "REASON", "APPS", "SUMMARY"]
            HistoryCommand.show([head] + rows, droppable: [4, 1, 2])
        } catch let error as JournalError {
            tell("gwe: \(error)")
            throw finish(error.exit)
        }
    }

    private func show(_ id: Int64, _ journal: Journal, _ isAtWork: Bool) throws {
        guard let (recorded, steps) = try journal.operation(id) else {
            tell("gwe: no pass has the number \(id) (any more)")
            throw finish(.failure)
        }
        let operation = recorded.ended(isAtWork)
        let apps = Set(steps.map(\.app)).sorted()
        if output.json { return emit(PassRecord(operation, apps: apps, steps: steps).jsonText(indented: true)) }
        let terminal = Terminal(descriptor: 1)
        let time = operation.duration.map { " after \(HistoryCommand.text($0))" } ?? ""
        let head =
            "\(operation.id)  \(operation.startedAt)  \(operation.outcome ?? "running")\(time)  \(operation.reason)"
        for text in [head, operation.summary] {
            (terminal.columns.map { wrapped(text, max(24, $0)) } ?? [text]).forEach(emit)
        }
        let rows = steps.map { step in
            let time = step.startedAt.duration(ifTo: step.finishedAt).map(HistoryCommand.text)
            return [step.app, step.step, step.outcome, time ?? "-", step.message]
        }
        HistoryCommand.show([["APP", "STEP", "OUTCOME", "TIME", "MESSAGE"]] + rows, droppable: [3])
    }

    /// `350 ms`, `4.2 s`, `12 min`.
    private static func text(_ duration: Duration) -> String {
        let milliseconds = max(0, duration.wholeMilliseconds)
        if milliseconds < 1_000 { return "\(milliseconds) ms" }
        if milliseconds < 60_000 { return "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100) s" }
        return duration.inWords
    }

    private static func names(_ apps: [String]) -> String {
        guard apps.count > 4 else { return apps.isEmpty ? "-" : apps.joined(separator: ", ") }
        return apps.prefix(3).joined(separator: ", ") + " and \(apps.count - 3) more"
    }

    private static func show(_ rows: [[String]], droppable: [Int]) {
        let terminal = Terminal(descriptor: 1)
        let lines = table(
            rows, columns: terminal.columns, droppable: droppable, wrapsLast: true, ellipsis: terminal.ellipsis)
        lines.forEach(emit)
    }
}

extension OperationRecord {
    /// The pass as it is shown: without an end of its own it runs only while somebody is at work.
    fileprivate func ended(_ isAtWork: Bool) -> OperationRecord {
        guard outcome == nil, !isAtWork else { return self }
        var record = self
        record.outcome = "interrupted"
        return record
    }

    fileprivate var duration: Duration? { startedAt.duration(ifTo: finishedAt) }
}

extension WallTime {
    /// nil while there is no end, and where the clock stepped in between.
    fileprivate func duration(ifTo end: WallTime?) -> Duration? {
        guard let end, isInDoubt == end.isInDoubt, self <= end else { return nil }
        return duration(to: end)
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}

extension PassRecord {
    /// - Parameter steps: nil in a list of passes.
    fileprivate init(_ operation: OperationRecord, apps: [String], steps: [GatewayAgent.StepRecord]? = nil) {
        self.init(
            id: operation.id, reason: operation.reason, started: operation.startedAt.description,
            finished: operation.finishedAt?.description, outcome: operation.outcome, summary: operation.summary,
            steps: steps?.map { step in
                StepRecord(
                    app: step.app, step: step.step, started: step.startedAt.description,
                    finished: step.finishedAt?.description, outcome: step.outcome, message: step.message)
            })
        self.apps = apps
        durationSeconds = operation.duration.map { Double($0.wholeMilliseconds) / 1_000 }
    }
}
