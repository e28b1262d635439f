public import Documents

/// The reader of YAML 1.2 with the core schema, through libyaml's event interface (yaml.h), that keeps places.
public enum YAML {
    /// Reads one document; an empty one is `.null`. Refuses, each with line and column: what libyaml refuses,
    /// duplicate keys, anchors and aliases (nothing can expand), tags outside the core schema, keys that are no
    /// scalars, more than one document, NUL, bad UTF-8, and what goes beyond the limits.
    /// A byte-order mark is skipped.
    public static func parse(
        _ bytes: [UInt8], source: String, limits: DocumentLimits = .init()
    ) throws(DocumentError) -> Node {
        try DocumentText.check(bytes, source: source, limits: limits)
        do throws(DocumentError) {
            return try bytes.withUnsafeBufferPointer { (buffer) throws(DocumentError) -> Node in
                let hasMark = buffer.starts(with: [0xEF, 0xBB, 0xBF])
                let text = hasMark ? UnsafeBufferPointer(rebasing: buffer.dropFirst(3)) : buffer
                var composer = YAMLComposer(
                    parser: try YAMLParser(text, source: source), source: source, limits: limits)
                return try composer.document()
            }
        } catch {
            throw DocumentText.unfinishedMerge(bytes, source: source) ?? error
        }
    }

    /// The same for a string.
    public static func parse(
        _ text: String, source: String, limits: DocumentLimits = .init()
    ) throws(DocumentError) -> Node {
        try parse(Array(text.utf8), source: source, limits: limits)
    }

    /// `parse` with the usual limits, as a `DocumentReader`.
    public static func read(_ bytes: [UInt8], source: String) throws(DocumentError) -> Node {
        try parse(bytes, source: source)
    }
}
