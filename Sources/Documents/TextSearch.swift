extension StringProtocol {
    /// Whether a text stands somewhere in this one, byte for byte. An empty text does.
    ///
    /// `contains(_:)` with a text is of `_StringProcessing`, which brings a parser of regular expressions into the executable:
    /// more than a megabyte. `Scripts/check-linkage` looks for that.
    public func holds(_ text: some StringProtocol) -> Bool {
        let wanted = Array(text.utf8)
        let bytes = Array(utf8)
        guard !wanted.isEmpty else { return true }
        guard wanted.count <= bytes.count else { return false }
        return (0...bytes.count - wanted.count).contains { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}
