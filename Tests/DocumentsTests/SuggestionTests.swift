import Documents
import Testing

@Suite("The nearest valid word")
struct SuggestionTests {
    private static let keys = ["version", "artifact", "state", "hold", "requires", "environment", "keep_versions"]

    @Test(
        "a slip leads to the word that was meant",
        arguments: [
            ("verison", "version"), ("Version", "version"), ("vesion", "version"), ("require", "requires"),
            ("keepVersions", "keep_versions"), ("keep-versions", "keep_versions"), ("env", "environment"),
            ("hodl", "hold"), ("artefact", "artifact"),
        ])
    func near(word: String, expected: String) {
        #expect(Suggestion.nearest(to: word, among: Self.keys) == expected)
    }

    @Test(
        "what is far from everything leads nowhere",
        arguments: ["", "x", "zookeeper", "ve", String(repeating: "v", count: 70)])
    func far(word: String) {
        #expect(Suggestion.nearest(to: word, among: Self.keys) == nil)
    }
}
