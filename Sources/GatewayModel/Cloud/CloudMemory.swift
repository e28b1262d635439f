/// A value that stands in one of the cloud's resources.
public struct CloudValue: Sendable, Hashable {
    /// Where it stands.
    public var resource: CloudResource
    /// As the cloud has it, white space included.
    public var text: String
    /// SHA-256 of the text, in hex.
    public var digest: String

    /// A value and its digest, which the caller takes: this module has no SHA-256.
    public init(_ resource: CloudResource, _ text: String, digest: String) {
        self.resource = resource
        self.text = text
        self.digest = digest
    }

    /// Whether it asks for nothing: white space alone is what some tools leave of a cleared value.
    public var isBlank: Bool { text.allSatisfy(\.isWhitespace) }
}

/// Whether a value in the cloud is news to this gateway.
public enum CloudNews: Sendable, Hashable {
    /// Asks for nothing. With `endsRefusal`, a value that was refused stood there before: that it is gone is news.
    case empty(endsRefusal: Bool)
    /// Was taken, and stays where it is: a whole manifest, or `config_otau`.
    case taken
    /// Was taken, and has yet to be cleared.
    case uncleared
    /// Was refused, and told so.
    case refused
    /// Not seen before, or written again since it was taken and cleared.
    case new

    /// Whether a pass has seen the value before.
    public var isKnown: Bool {
        switch self {
        case .empty, .new: false
        case .taken, .uncleared, .refused: true
        }
    }
}

/// What this gateway remembers of the values in the cloud: the one place that says whether a value is news. Passes, dry
/// runs, the watch and the second reading all ask it, so they cannot disagree.
///
/// Values are compared by digest. The journal keeps the digests (`Journal.cloudMemory`); this is a copy to decide by.
public struct CloudMemory: Sendable, Hashable {
    /// What is remembered of one resource, each the digest of a text.
    public struct Entry: Sendable, Hashable {
        /// What was taken last and stays there.
        public var taken: String?
        /// What was refused and stands there still, as far as is known.
        public var refused: String?
        /// What was taken last and is not known to be cleared.
        public var uncleared: String?

        /// What is remembered of a resource; all nil when nothing is.
        public init(taken: String? = nil, refused: String? = nil, uncleared: String? = nil) {
            self.taken = taken
            self.refused = refused
            self.uncleared = uncleared
        }
    }

    private var entries: [CloudResource: Entry] = [:]

    /// A gateway that remembers nothing yet.
    public init() {}

    /// What is remembered of a resource; an entry of nils where nothing is.
    public subscript(resource: CloudResource) -> Entry {
        get { entries[resource] ?? Entry() }
        set { entries[resource] = newValue }
    }

    /// What the value is to this gateway.
    public func news(of value: CloudValue) -> CloudNews {
        let entry = self[value.resource]
        if value.isBlank { return .empty(endsRefusal: entry.refused != nil) }
        if value.digest == entry.taken { return .taken }
        if value.digest == entry.uncleared { return .uncleared }
        return value.digest == entry.refused ? .refused : .new
    }
}
