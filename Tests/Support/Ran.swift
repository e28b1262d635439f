public import Documents

/// A program that ran to its end.
public struct Ran: Sendable, CustomStringConvertible {
    /// What it was called with.
    public var arguments: [String]
    /// The exit code; nil when a signal ended it.
    public var code: Int32?
    /// The signal that ended it.
    public var signal: Int32?
    /// What it wrote to stdout.
    public var out: String
    /// What it wrote to stderr.
    public var err: String

    /// A program that has ended so.
    public init(arguments: [String], code: Int32?, signal: Int32?, out: String, err: String) {
        self.arguments = arguments
        self.code = code
        self.signal = signal
        self.out = out
        self.err = err
    }

    /// Standard output as a JSON document.
    public var json: JSONValue? { try? JSON.parse(Array(out.utf8), source: "stdout").json }

    /// Standard output as one JSON object a line.
    public var jsonLines: [JSONValue] {
        out.split(separator: "\n").compactMap { try? JSON.parse(Array($0.utf8), source: "stdout").json }
    }

    /// Everything that a person needs who reads a failed test.
    public var description: String {
        let end = code.map { "exit code \($0)" } ?? "signal \(signal ?? 0)"
        return "\(arguments.joined(separator: " ")): \(end)\nstdout: \(out)\nstderr: \(err)"
    }
}
