import Documents
import Foundation
import TestSupport

/// What a program writes to a terminal.
enum TerminalOutput {
    /// What most terminals are, without colours.
    static let plain = ["TERM": "xterm", "NO_COLOR": "1"]

    /// Runs a line of a shell with a terminal on its standard output and error.
    /// - Parameters:
    ///   - terminal: what tells of the terminal.
    ///   - more: further variables.
    static func run(
        _ gateway: GatewayFixture, _ command: String, _ terminal: [String: String] = plain, more: [String: String] = [:]
    ) throws -> Ran {
        try TestProcess(
            "/usr/bin/script", ["-qec", command, "/dev/null"],
            environment: gateway.variables.merging(terminal) { $1 }.merging(more) { $1 },
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    /// What of an output could steer a terminal, but for the line ends of the terminal itself and the beginning of gwe's
    /// own line of progress. By scalars: to Foundation, a combining mark at the start of a line belongs to the line end.
    static func unsafe(_ text: String) -> [String] {
        var found: [String] = []
        let scalars = Array(text.unicodeScalars)
        var at = 0
        while at < scalars.count {
            let rest = scalars[at...]
            if rest.starts(with: "\r\n".unicodeScalars) {
                at += 2
            } else if rest.starts(with: "\r\u{1B}[K".unicodeScalars) {
                at += 4
            } else {
                let scalar = scalars[at]
                if scalar != "\n", scalar != "\t", ForeignText.isUnsafe(scalar) {
                    found.append(ForeignText.shown(scalar))
                }
                at += 1
            }
        }
        return found
    }
}
