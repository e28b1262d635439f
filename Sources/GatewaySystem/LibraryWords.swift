extension StringProtocol {
    /// A sentence of a library as it stands within one of gwe's: with a small first letter, unless its first word is a name
    /// with further capitals (`SSL`, `OpenSSL`, `I/O`).
    var lowercasedFirst: String {
        let word = prefix { !$0.isWhitespace }
        guard !word.dropFirst().contains(where: \.isUppercase) else { return String(self) }
        return prefix(1).lowercased() + dropFirst()
    }
}
