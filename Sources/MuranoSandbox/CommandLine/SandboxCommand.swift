internal import ArgumentParser
internal import Glibc

/// The command line of `murano-sandbox`.
public enum MuranoSandboxCommandLine {
    /// Runs the command that the arguments name and ends the process with its exit code.
    public static func main() -> Never {
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try SandboxCommand.parseAsRoot(subcommandFirst(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch let failure as CommandFailure {
            complain(failure.message)
            exit(failure.code)
        } catch {
            let code = SandboxCommand.exitCode(for: error)
            let message = SandboxCommand.fullMessage(for: error)
            if code.isSuccess {
                if !message.isEmpty { output(examplesFirst(message)) }
            } else if !message.isEmpty {
                complain(message.hasPrefix("Error: ") ? String(message.dropFirst("Error: ".count)) : message)
            }
            exit(code.rawValue)
        }
        exit(0)
    }

    /// A help text with the examples in front, each line as it is: one that was broken in the middle cannot be pasted.
    static func examplesFirst(_ help: String) -> String {
        var lines = help.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(of: "EXAMPLES:"),
            let usage = lines.first(where: { $0.hasPrefix("USAGE: murano-sandbox") })
        else { return help }
        var command: any ParsableCommand.Type = SandboxCommand.self
        for word in usage.split(separator: " ").dropFirst(2) {
            let next = command.configuration.subcommands.first { $0._commandName == String(word) }
            guard let next else { break }
            command = next
        }
        let discussion = command.configuration.discussion.split(separator: "\n", omittingEmptySubsequences: false)
        let examples = discussion.prefix { !$0.isEmpty }
        let end = lines[start...].firstIndex(of: "") ?? lines.endIndex - 1
        lines.removeSubrange(start...end)
        return (Array(examples) + [""] + lines).joined(separator: "\n")
    }

    /// Moves options of the server that stand before the subcommand behind it, where the parser looks for them.
    static func subcommandFirst(_ arguments: [String]) -> [String] {
        var rest = arguments[...]
        var options: [String] = []
        while let first = rest.first, first.hasPrefix("--url") || first.hasPrefix("--ca-file") {
            let count = first.contains("=") ? 1 : 2
            options += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        return rest + options
    }
}

/// An error with its exit code (sysexits.h, and 1 for what does not exist).
struct CommandFailure: Error {
    static let notFound: Int32 = 1
    static let data: Int32 = 65
    static let noInput: Int32 = 66
    static let unavailable: Int32 = 69
    static let software: Int32 = 70
    static let cannotCreate: Int32 = 73

    var code: Int32
    var message: String
}

func complain(_ message: String) { writeAll(2, Array("murano-sandbox: \(message)\n".utf8)) }

/// Writes a line, or bytes as they are, at once: behind a pipe too.
func output(_ line: String) { writeAll(1, Array("\(line)\n".utf8)) }

/// The version of the stand-in: that of the gwe it is built with.
enum SandboxVersion { static let text = "0.1.0" }

struct SandboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "murano-sandbox",
        abstract: "A Murano stand-in for one machine.",
        discussion: """
            EXAMPLES:
              murano-sandbox serve --data /tmp/cloud --product sandbox000000000 --mqtt 127.0.0.1:1883 &
              murano-sandbox device add 02:42:AC:11:00:02
              murano-sandbox content upload app.v1.tar.gz
              murano-sandbox device write 02:42:AC:11:00:02 engine_fetch '{"install":[{"name":"app.v1.tar.gz"}]}'
              murano-sandbox device read 02:42:AC:11:00:02 device_info --json | jq -r .device_info.reported

            All but 'serve' talk to a running server: --url, else MURANO_SANDBOX_URL, else http://127.0.0.1:8085.

            Exit codes: 0 done; 1 no such device or content; 64 wrong usage; 65 refused; 66 no such file; \
            69 server not reached; 70 server failed; 73 exists already.
            """,
        version: SandboxVersion.text,
        subcommands: [
            ServeCommand.self, DeviceCommand.self, ContentCommand.self, FaultCommand.self, LogCommand.self,
        ])
}
