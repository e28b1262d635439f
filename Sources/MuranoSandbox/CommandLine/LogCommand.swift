internal import ArgumentParser
internal import Documents
internal import GatewaySystem
internal import Glibc

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "What the devices asked for, oldest first.",
        discussion: """
            EXAMPLES:
              murano-sandbox log
              murano-sandbox log --after 120 --json | jq 'map(.sent_bytes) | add'
              murano-sandbox log -f
              murano-sandbox log --clear

            MQTT has a line for each packet: MQTT CONNECT with its answer's code, PUBLISH, SUBSCRIBE, PINGREQ … from the \
            device, DELIVER and PUBACK for what was set, and CLOSE with the reason when the server ended a connection. The \
            status is the one that the same outcome has over HTTP; byte counts are those of whole packets, without TLS.
            """)

    @Option(help: .init("Only requests after this one.", valueName: "id")) var after: Int64 = 0
    @Flag(help: "Print JSON; times are microseconds since 1970.") var json = false
    @Flag(help: "Forget them all.") var clear = false
    @Flag(
        name: [.customShort("f"), .long],
        help: "Go on with what comes, until interrupted; JSON is then one object a line.")
    var follow = false
    @OptionGroup var server: ServerOptions

    func validate() throws {
        if clear, follow { throw ValidationError("--clear and --follow exclude each other") }
    }

    private static let head = ["ID", "TIME", "DEVICE", "STATUS", "BODY", "SENT", "RANGE", "METHOD", "PATH"]

    func run() throws {
        guard !clear else {
            try server.client.call(.delete, ["log"])
            return
        }
        if follow { return try goOn() }
        guard !json else { return try server.client.printDocument(["log"], query: query(after)) }
        printTable([LogCommand.head] + (try requests(after)).map(row))
    }

    /// Asks three times a second: the server tells nobody by itself.
    private func goOn() throws {
        // As other tools end when nobody reads what they write.
        signal(SIGPIPE, SIG_DFL)
        var last = after
        if !json { output(LogCommand.head.joined(separator: "  ")) }
        while true {
            for request in try requests(last) {
                last = max(last, request["id"]?.int ?? 0)
                output(json ? request.text() : row(request).joined(separator: "  "))
            }
            usleep(300_000)
        }
    }

    private func query(_ id: Int64) -> String { "after=\(id)&limit=100000" }

    private func requests(_ id: Int64) throws -> [JSONValue] {
        try server.client.document(["log"], query: query(id)).elements ?? []
    }

    private func row(_ request: JSONValue) -> [String] {
        [
            "\(request["id"]?.int ?? 0)", HTTPDate.text(unixSeconds: (request["time"]?.int ?? 0) / 1_000_000),
            request["device"]?.string ?? "-", "\(request["status"]?.int ?? 0)",
            "\(request["request_bytes"]?.int ?? 0)", "\(request["sent_bytes"]?.int ?? 0)",
            request["range"]?.string ?? "-", request["method"]?.string ?? "", request["path"]?.string ?? "",
        ]
    }
}
