internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

struct LogsCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "The last lines that an app wrote.",
        discussion: """
            Lines come as the app wrote them, from rotated files too; a last one that has no end yet is shown after two \
            seconds, and marked as unfinished. An app with several logs (standard error apart from \
            standard output, or several processes) has the path of each before its lines, as tail does it; so have \
            several apps. gwe adds nothing to a line, so lines have the times that the app itself writes, and there is no \
            --since.
            """)
    static let examples: [(line: String, does: String)] = [
        ("gwe logs web", "the last 10 lines"), ("gwe logs web -n 100 -f", "the last 100, then what comes"),
        ("gwe logs web -n all --stderr", "everything it said to standard error"),
        ("gwe logs web:web_01", "one process of several"), ("gwe logs web api", "two apps"),
        ("gwe logs --all -f", "what every service writes from now on"),
    ]

    /// `-n 100`, `-n all`.
    struct Count: ExpressibleByArgument {
        /// nil: all.
        var lines: Int?

        init(lines: Int?) { self.lines = lines }

        init?(argument: String) {
            if argument == "all" {
                lines = nil
            } else if let number = Int(argument), number >= 0 {
                lines = number
            } else {
                return nil
            }
        }

        var defaultValueDescription: String { lines.map { "\($0)" } ?? "all" }
    }

    @OptionGroup var folders: FolderOptions

    @Argument(help: .init("The apps, or app:process.", valueName: "app"))
    var apps: [String] = []

    @Flag(name: .long, help: "Every service that has a log.")
    var all = false

    @Flag(name: [.customShort("f"), .long], help: "Go on with what comes, across rotations, until interrupted.")
    var follow = false

    @Option(
        name: [.customShort("n"), .customLong("lines")],
        help: .init("How many lines, or all.", valueName: "count"))
    var count = Count(lines: 10)

    @Flag(help: "Only standard output.") var stdout = false

    @Flag(help: "Only standard error, where it has a log of its own.") var stderr = false

    func validate() throws {
        if apps.isEmpty, !all { throw ValidationError("which app? name one or more, or give --all") }
        if !apps.isEmpty, all { throw ValidationError("--all goes without names") }
    }

    func run() throws {
        let names = try apps.map { try appName($0.split(separator: ":", maxSplits: 1).first.map(String.init) ?? "") }
        let context = try openContext(folders)
        var logs: [AppLog] = []
        for (name, word) in zip(names, apps) { logs.append(try chosenLog(of: name, word, context)) }
        if all { logs = try allLogs(context) }
        let log = AppLog(joining: logs)
        if let problem = log.problem {
            tell("gwe: \(problem)")
            throw finish(problem.isNotPermitted ? .notPermitted : .noInput)
        }
        if log.present.isEmpty {
            tell("gwe: no log yet: \(log.streams.map(\.path).joined(separator: ", "))" + (follow ? "; waiting" : ""))
            guard follow else { throw finish(.noInput) }
        }
        if follow { tellOfSilentDaemon(context, "its apps' lines do not come until it goes on") }
        defer { if !follow { tellOfSilentDaemon(context, "the last lines may be missing here") } }
        // As other tools end when nobody reads what they write.
        signal(SIGPIPE, SIG_DFL)
        var output = Output(hasHeaders: log.streams.count > 1)
        guard follow else {
            log.tail(count.lines) { output.write($0, $1) }
            return output.end()
        }
        if let problem = log.follow(count.lines, output: 1, to: { output.write($0, $1) }) {
            tell("gwe: \(problem)")
            throw finish(.systemError)
        }
        if !StandardOutput.hasFailed { raise(SIGPIPE) }
    }

    /// - Parameter word: the app as it was named, perhaps with one of its processes.
    private func chosenLog(of name: AppName, _ word: String, _ context: GatewayContext) throws -> AppLog {
        guard AppLog.isKnown(name, context) else {
            tell("gwe: no such app: \(name)")
            throw finish(.noSuchApp)
        }
        if AppLog.hasNone(name, context), AppLog(of: name, context).present.isEmpty {
            tell("gwe: \(name) has no log: its service is defined with stdout_logfile=NONE")
            throw finish(.noInput)
        }
        let parts = word.split(separator: ":", maxSplits: 1).map(String.init)
        let whole = AppLog(of: name, context)
        guard
            let log = whole.only({ stream in
                (parts.count < 2 || stream.process == parts[1]) && isChosen(stream)
            })
        else {
            let isProcess = parts.count == 2 && whole.only { $0.process == parts[1] } == nil
            tell(isProcess ? "gwe: no such process: \(word)" : "gwe: \(name) has no log of its own for that stream")
            throw finish(isProcess ? .noSuchApp : .noInput)
        }
        return log
    }

    /// Of every service those that are there; one that has none is no reason to show nothing.
    private func allLogs(_ context: GatewayContext) throws -> [AppLog] {
        do throws(JournalError) {
            let logs = try AllApps.of(nil, context).sorted().compactMap { AppLog(of: $0, context).only(isChosen) }
            let present = follow ? logs : logs.filter { !$0.present.isEmpty }
            guard present.isEmpty else { return present }
        } catch {
            tell("gwe: \(error)")
            throw finish(error.exit)
        }
        tell("gwe: no service has a log yet")
        throw finish(.noInput)
    }

    private func isChosen(_ stream: AppLog.Stream) -> Bool { stdout == stderr || stream.isError == stderr }

    /// Bytes as they are where a program reads them, made safe where a terminal shows them; with a header where another
    /// log begins.
    private struct Output {
        let hasHeaders: Bool
        private let isTerminal = isatty(STDOUT_FILENO) == 1
        private var last: AppLog.Stream?
        private var text = TerminalText()
        /// Whether the last byte of `last` was no line's end.
        private var isInsideLine = false

        init(hasHeaders: Bool) { self.hasHeaders = hasHeaders }

        mutating func write(_ stream: AppLog.Stream, _ bytes: UnsafeRawBufferPointer) -> Bool {
            if stream != last {
                if hasHeaders {
                    writeAll("\(last == nil ? "" : "\n")==> \(TerminalText.safe(stream.path)) <==\n", to: 1)
                }
                last = stream
                text = TerminalText()
            }
            isInsideLine = bytes.last != UInt8(ascii: "\n")
            guard isTerminal else { return StandardOutput.write(bytes) }
            return text.write(bytes).withUnsafeBytes { StandardOutput.write($0) }
        }

        /// Says of a last line that it has no end (yet): on a terminal behind it, else on standard error, so that what is
        /// kept is what the app wrote.
        func end() {
            guard let last, isInsideLine else { return }
            if isatty(1) == 1 {
                writeAll(" (unfinished)\n", to: 1)
            } else {
                tell("gwe: the last line of \(last.path) is unfinished")
            }
        }
    }
}
