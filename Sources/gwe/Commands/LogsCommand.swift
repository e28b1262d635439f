internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel

struct LogsCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(commandName: "logs", abstract: "The last lines that an app wrote.")
    static let examples: [(line: String, does: String)] = [
        ("gwe logs web", "the last 10 lines"), ("gwe logs web -n 100 -f", "the last 100, then what comes"),
    ]

    @OptionGroup var folders: FolderOptions

    @Argument(help: "The app.")
    var app: String

    @Flag(name: [.customShort("f"), .long], help: "Go on with what comes, across rotations, until interrupted.")
    var follow = false

    @Option(name: [.customShort("n"), .customLong("lines")], help: .init("How many lines.", valueName: "count"))
    var count = 10

    func run() throws {
        let name = try appName(app)
        let context = try openContext(folders)
        let log = AppLog(of: name, context)
        guard log.exists else {
            tell("gwe: no log yet: \(log.path)")
            throw finish(.noInput)
        }
        for line in log.tail(count: max(0, count)) { emit(line) }
        if follow { log.follow { writeAll($0, to: 1) } }
    }
}
