internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Wire

struct UsageCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Bytes sent and received, per day or month, interface and consumer; data budgets.",
        discussion: """
            What this gateway's device client counted: gwe, gdc and the apps that use it. Bytes are those of the TCP \
            payload, TLS included; the last column adds an estimate of the IP and TCP headers, and that is what budgets \
            count. Days and months are those of the calendar in UTC.
            """)

    static let examples: [(line: String, does: String)] = [
        ("gwe usage", "the last seven days, and what is left of policy.data_budget"),
        ("gwe usage --months", "what a bill is held against"),
        ("gwe usage --days 1 --json", "today, for programs"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var manifest: ManifestOption
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: .init("The last so many days, 1 to 400 (default 7).", valueName: "count"))
    var days: Int?

    @Flag(name: .long, help: "Per month instead of per day.")
    var months = false

    func validate() throws {
        if months, days != nil { throw ValidationError("--days and --months exclude each other") }
        if let days, !(1...400).contains(days) { throw ValidationError("--days: expected 1 to 400, found \(days)") }
    }

    func run() throws {
        let context = try openContext(folders, manifest)
        let usage: UsageDocument
        do {
            usage = try UsageSummary.make(context, months ? .months : .days(days ?? 7))
        } catch {
            tell("gwe: \(error)")
            throw finish((error as? JournalError)?.exit ?? .inputOutputError)
        }
        if output.json { return emit(usage.jsonText(indented: true)) }
        let text = UsageText(usage: usage, isMonthly: months, terminal: Terminal(descriptor: 1))
        if text.isEmpty { tell("gwe: nothing was counted" + (months ? " yet" : " in this time")) }
        for line in text.lines { emit(line) }
    }
}
