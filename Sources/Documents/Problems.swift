/// Collects all that is wrong with one document, so that one look at the message mends it.
public final class Problems {
    /// What every error names as its source: a file or a cloud resource.
    public let source: String
    /// How many errors are kept; the others are counted.
    public let limit: Int
    /// Whether the document is one that gwe itself keeps, perhaps a newer gwe: keys that nobody knows are passed over, and
    /// values are taken that an earlier gwe took.
    public let isStored: Bool
    private var errors: [DocumentError] = []
    private var omittedCount = 0

    /// A collector that is empty. One is made for each document that is read.
    public init(source: String, limit: Int = 20, isStored: Bool = false) {
        self.source = source
        self.isStored = isStored
        self.limit = limit
    }

    /// Whether nothing was reported.
    public var isEmpty: Bool { errors.isEmpty }

    /// Keeps an error, or only counts it when `limit` are kept already.
    public func report(_ message: String, at mark: Mark?, path: DocumentPath) {
        guard errors.count < limit else { return omittedCount += 1 }
        errors.append(DocumentError(source: source, mark: mark, path: path.description, message: message))
    }

    /// Throws what was reported, in the order of the text.
    public func throwIfAny() throws(DocumentErrors) {
        guard !errors.isEmpty else { return }
        let start = Mark(line: 0, column: 0)
        throw DocumentErrors(errors.sorted { $0.mark ?? start < $1.mark ?? start }, omittedCount: omittedCount)
    }
}
