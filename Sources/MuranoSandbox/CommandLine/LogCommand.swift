internal import ArgumentParser
internal import Documents
internal import GatewaySystem

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "What the devices asked for, oldest first.",
        discussion: """
            EXAMPLES:
              murano-sandbox log
              murano-sandbox log --after 120 --json | jq 'map(.sent_bytes) | add'
              murano-sandbox log --clear

            MQTT has a line for each packet: MQTT CONNECT with its answer's code, PUBLISH, SUBSCRIBE, PINGREQ … from the
            device, DELIVER and PUBACK for what was set, and CLOSE with the reason when the server ended a connection. The
            status is the one that the same outcome has over HTTP; byte counts are those of whole packets, without TLS.
            """)

    @Option(help: .init("Only requests after this one.", valueName: "id")) var after: Int64 = 0
    @Flag(help: "Print JSON; times are microseconds since 1970.") var json = false
    @Flag(help: "Forget them all.") var clear = false
    @OptionGroup var server: ServerOptions

    func run() throws {
        guard !clear else {
            try server.client.call(.delete, ["log"])
            return
        }
        let query = "after=\(after)&limit=100000"
        guard !json else { return try server.client.printDocument(["log"], query: query) }
        let rows = (try server.client.document(["log"], query: query).elements ?? []).map { request in
            [
                "\(request["id"]?.int ?? 0)", HTTPDate.text(unixSeconds: (request["time"]?.int ?? 0) / 1_000_000),
                request["device"]?.string ?? "-", "\(request["status"]?.int ?? 0)",
                "\(request["request_bytes"]?.int ?? 0)", "\(request["sent_bytes"]?.int ?? 0)",
                request["range"]?.string ?? "-", request["method"]?.string ?? "", request["path"]?.string ?? "",
            ]
        }
        printTable([["ID", "TIME", "DEVICE", "STATUS", "BODY", "SENT", "RANGE", "METHOD", "PATH"]] + rows)
    }
}
