/// Input that cannot be understood. Reads "manifest.yaml:12:5: apps.web.version: expected a string, found a list".
public struct DocumentError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file or the cloud resource: `manifest.yaml`, `engine_fetch`.
    public var source: String
    /// Where in the text; nil when no one place is to blame, as for a text that is too long.
    public var mark: Mark?
    /// Where in the document: `apps.web.version`; empty at its root.
    public var path: String
    /// What is wrong and what was expected; lower case, no full stop.
    public var message: String

    /// An error made by hand; `Field.report` and `Problems.report` fill in source, mark and path themselves.
    public init(source: String, mark: Mark?, path: String = "", message: String) {
        self.source = source
        self.mark = mark
        self.path = path
        self.message = message
    }

    /// One line: `manifest.yaml:12:5: apps.web.version: expected a string, found a list`; without the parts that are
    /// missing.
    public var description: String {
        var place = source
        if let mark { place += ":\(mark.line):\(mark.column)" }
        return path.isEmpty ? "\(place): \(message)" : "\(place): \(path): \(message)"
    }
}

/// All that is wrong with one document, in the order of its text; never empty.
public struct DocumentErrors: Error, Sendable, Hashable, CustomStringConvertible {
    /// Those that are kept, by their marks; errors without a mark come first.
    public var errors: [DocumentError]
    /// How many more there were than are kept.
    public var omittedCount: Int

    /// All of one document's errors.
    /// - Parameter errors: at least one, in the order of the text.
    public init(_ errors: [DocumentError], omittedCount: Int = 0) {
        self.errors = errors
        self.omittedCount = omittedCount
    }

    /// A document that has a single error, such as one whose syntax ends the reading.
    public init(_ error: DocumentError) { self.init([error]) }

    /// One error a line; the last line counts those left out.
    public var description: String {
        var lines = errors.map(\.description)
        if omittedCount > 0 { lines.append("\(errors.first?.source ?? "document"): and \(omittedCount) more") }
        return lines.joined(separator: "\n")
    }
}
