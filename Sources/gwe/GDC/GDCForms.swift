internal import Documents

/// The forms of the commands of `gdc http` and `gdc mqtt`, for those who missed one.
enum GDCForms {
    private static let http = [
        "timestamp", "activate", "read <alias>…", "poll <alias> <timeout_ms> [<since>]", "write <alias> <data|->",
        "record <ts> <alias> <data>", "content list", "content info <id>", "content download <id>",
    ]
    private static let mqtt = ["activate", "publish <topic> <value|->", "subscribe", "pubsub <topic>"]

    /// What is wrong with words that are no command: one of its operands, or the word itself.
    static func mistake(_ group: String, _ words: [String]) -> GDCFailure {
        let forms = group == "http" ? http : mqtt
        let commands = forms.map { $0.prefix { $0 != " " } }
        guard let word = words.first else {
            return .usage("expected a command after 'gdc \(group)'; see 'gdc \(group) -h'")
        }
        let own = zip(commands, forms).filter { $0.0 == word }.map { "'gdc \(group) \($0.1)'" }
        guard own.isEmpty else {
            let found = words.count == 2 ? "1 word" : "\(words.count - 1) words"
            return .usage("expected \(own.joined(separator: " or ")), found \(found) after '\(word)'")
        }
        let nearest = Suggestion.nearest(to: word, among: commands.map(String.init))
        let hint = nearest.map { ", did you mean '\($0)'?" } ?? "; see 'gdc \(group) -h'"
        return .usage("'gdc \(group) \(word)' is no command\(hint)")
    }
}
