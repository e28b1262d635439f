internal import ArgumentParser
internal import Documents
internal import GatewaySystem

struct ContentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "content",
        abstract: "The product's content area.",
        discussion: """
            EXAMPLES:
              murano-sandbox content upload app.v1.tar.gz
              murano-sandbox content upload build/out.tgz app.v1.tar.gz
              murano-sandbox content list
            """,
        subcommands: [Upload.self, List.self, Delete.self])

    struct Upload: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put a file up; replaces the content of that name.")
        @Argument(help: "The file.") var file: String
        @Argument(help: "The content's name; the file's without one.") var name: String?
        @Option(help: .init("Its media type; by the name without one.", valueName: "type")) var type: String?
        @Option(help: .init("A text that content info gives along.", valueName: "text")) var meta: String?
        @OptionGroup var server: ServerOptions

        func run() throws {
            let bytes: [UInt8]
            do {
                bytes = try readFile(file, byteLimit: 2 << 30)
            } catch {
                throw CommandFailure(code: CommandFailure.noInput, message: "\(error)")
            }
            let name = name ?? file.split(separator: "/").last.map(String.init) ?? file
            try server.client.call(
                .put, ["content", name], query: meta.map { "meta=" + Form.escape($0.utf8) } ?? "", body: bytes,
                type: type ?? Upload.type(of: name))
        }

        static func type(of name: String) -> String {
            let types = [
                (".gz", "application/gzip"), (".tgz", "application/gzip"), (".zst", "application/zstd"),
                (".xz", "application/x-xz"), (".tar", "application/x-tar"), (".json", "application/json"),
            ]
            return types.first { name.hasSuffix($0.0) }?.1 ?? "application/octet-stream"
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the contents.")
        @Flag(help: "Print JSON.") var json = false
        @OptionGroup var server: ServerOptions

        func run() throws {
            guard !json else { return try server.client.printDocument(["content"]) }
            let rows = (try server.client.document(["content"]).elements ?? []).map { content -> [String] in
                let updated = content["updated"]?.int ?? 0
                return [
                    content["name"]?.string ?? "", "\(content["size"]?.int ?? 0)",
                    CivilTime(unixSeconds: updated).description, "\(updated)", content["type"]?.string ?? "",
                ]
            }
            printTable([["NAME", "SIZE", "UPDATED", "UNIX", "TYPE"]] + rows)
        }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a content down.")
        @Argument(help: "The content's name.") var name: String
        @OptionGroup var server: ServerOptions

        func run() throws { try server.client.call(.delete, ["content", name]) }
    }
}
