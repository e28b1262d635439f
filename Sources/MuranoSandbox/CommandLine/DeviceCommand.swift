internal import ArgumentParser
internal import Documents
internal import GatewaySystem
internal import Glibc

struct DeviceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device",
        abstract: "Devices and their resources.",
        discussion: """
            EXAMPLES:
              murano-sandbox device add 02:42:AC:11:00:02
              murano-sandbox device write 02:42:AC:11:00:02 engine_fetch @manifest.yaml
              murano-sandbox device read 02:42:AC:11:00:02 fetch_status
            """,
        subcommands: [Add.self, List.self, Delete.self, Enable.self, Write.self, Read.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a device activate, once.",
            discussion: """
                EXAMPLES:
                  murano-sandbox device add 02:42:AC:11:00:02
                  murano-sandbox device add 02:42:AC:11:00:03 --password @secret.txt
                """)
        @Argument(help: "The device's identity.") var id: String
        @Option(
            help: .init(
                "Let it log in over MQTT with this, too; - reads it from standard input, @FILE from a file.",
                valueName: "text"))
        var password: String?
        @OptionGroup var server: ServerOptions

        func run() throws {
            guard let password else {
                try server.client.call(.put, ["devices", id])
                return
            }
            // A line's end is none of a password's characters.
            let bytes = try valueBytes(password).split(separator: UInt8(ascii: "\n")).first.map(Array.init) ?? []
            guard !bytes.isEmpty else { throw CommandFailure(code: CommandFailure.data, message: "empty password") }
            try server.client.call(.put, ["devices", id], body: bytes)
        }
    }

    struct Enable: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a device activate once more; its token stays valid until it does.")
        @Argument(help: "The device's identity.") var id: String
        @OptionGroup var server: ServerOptions

        func run() throws { try server.client.call(.post, ["devices", id, "enable"], body: []) }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forget a device, its resources and its token.")
        @Argument(help: "The device's identity.") var id: String
        @OptionGroup var server: ServerOptions

        func run() throws { try server.client.call(.delete, ["devices", id]) }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the devices; the last contact is that of the log.")
        @Flag(help: "Print JSON.") var json = false
        @OptionGroup var server: ServerOptions

        func run() throws {
            guard !json else { return try server.client.printDocument(["devices"]) }
            let devices = try server.client.document(["devices"]).elements ?? []
            let rows = devices.map { device -> [String] in
                let contact = device["last_contact"]?.int.map { CivilTime(unixSeconds: $0 / 1_000_000).description }
                return [device["id"]?.string ?? "", device["state"]?.string ?? "", contact ?? "-"]
            }
            printTable([["ID", "STATE", "LAST CONTACT"]] + rows)
        }
    }

    struct Write: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a resource.",
            discussion: """
                EXAMPLES:
                  murano-sandbox device write ID update_interval 60
                  murano-sandbox device write ID engine_fetch @manifest.yaml
                  date | murano-sandbox device write ID message -
                """)
        @Argument(help: "The device's identity.") var id: String
        @Argument(help: "The resource; it need not exist.") var resource: String
        @Argument(help: "The value; - reads it from standard input, @FILE from a file.") var value: String
        @OptionGroup var server: ServerOptions

        func run() throws {
            try server.client.call(.put, ["devices", id, "resources", resource], body: try valueBytes(value))
        }
    }

    struct Read: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print resources: one as its value, several as 'name: value'.",
            discussion: """
                EXAMPLES:
                  murano-sandbox device read ID fetch_status
                  murano-sandbox device read ID device_info --json | jq -r .device_info.reported | jq -r .df

                The value is the newest of what the device reported and what was set; null if there is none. As JSON:
                {"<resource>": {"reported": …, "set": …, "timestamp": <microseconds>}}
                """)
        @Argument(help: "The device's identity.") var id: String
        @Argument(help: "The resources; all without any.") var resources: [String] = []
        @Flag(help: "Print both sides as JSON.") var json = false
        @OptionGroup var server: ServerOptions

        func run() throws {
            let query = resources.map { Form.escape($0.utf8) }.joined(separator: "&")
            guard !json else { return try server.client.printDocument(["devices", id, "resources"], query: query) }
            if resources.count == 1 {
                let answer = try server.client.call(.get, ["devices", id, "values", resources[0]])
                return writeAll(1, (answer.status == 204 ? Array("null".utf8) : answer.body) + [UInt8(ascii: "\n")])
            }
            for (name, value) in try server.client.document(["devices", id, "values"], query: query).members ?? [] {
                output("\(name): \(value.string ?? "null")")
            }
        }
    }
}

/// The bytes of an argument; `-` is standard input, and `@FILE` a file.
private func valueBytes(_ value: String) throws -> [UInt8] {
    do {
        let limit = DeviceAPI.valueByteLimit
        if value == "-" { return try readAll(0, name: "standard input", byteLimit: limit) }
        if value.hasPrefix("@") { return try readFile(String(value.dropFirst()), byteLimit: limit) }
        return Array(value.utf8)
    } catch {
        throw CommandFailure(code: CommandFailure.noInput, message: "\(error)")
    }
}
