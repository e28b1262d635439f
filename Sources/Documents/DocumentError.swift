/// Input that cannot be understood. Reads "manifest.yaml:12:5: apps.web.version: expected a string, found a list".
public struct DocumentError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file or the cloud resource: `manifest.yaml`, `engine_fetch`.
    public var source: String
    public var mark: Mark?
    /// Where in the document: `apps.web.version`; empty at its root.
    public var path: String
    /// What is wrong and what was expected; lower case, no full stop.
    public var message: String

    public init(source: String, mark: Mark?, path: String = "", message: String) {
        self.source = source
        self.mark = mark
        self.path = path
        self.message = message
    }

    public var description: String {
        var place = source
        if let mark { place += ":\(mark.line):\(mark.column)" }
        return path.isEmpty ? "\(place): \(message)" : "\(place): \(path): \(message)"
    }
}

/// All that is wrong with one document, in the order of its text; never empty.
public struct DocumentErrors: Error, Sendable, Hashable, CustomStringConvertible {
    public var errors: [DocumentError]
    /// How many more there were than are kept.
    public var omittedCount: Int

    public init(_ errors: [DocumentError], omittedCount: Int = 0) {
        self.errors = errors
        self.omittedCount = omittedCount
    }

    public init(_ error: DocumentError) { self.init([error]) }

    /// One error a line; the last line counts those left out.
    public var description: String {
        var lines = errors.map(\.description)
        if omittedCount > 0 { lines.append("\(errors.first?.source ?? "document"): and \(omittedCount) more") }
        return lines.joined(separator: "\n")
    }
}
