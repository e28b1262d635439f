import Testing

@testable import GatewaySystem

/// How long the way of many symlinks is followed.
@Suite("The work of symlinks") struct UnpackLinkWorkTests {
    private func links(_ count: Int, path: (Int) -> String, target: String) -> UnpackLinks {
        UnpackLinks(
            Dictionary(uniqueKeysWithValues: (0..<count).map { (Array(path($0).utf8), Array(target.utf8)) }))
    }

    @Test("links whose ways are long on purpose are refused before they cost minutes")
    func hostile() {
        let folder = (0..<8).map { _ in String(repeating: "d", count: 118) }.joined(separator: "/")
        let many = links(400, path: { "\(folder)/l\($0)" }, target: String(repeating: "x/../", count: 780))
        #expect(throws: UnpackError.tooLarge(reason: "its symlinks lead through one another too often")) {
            try many.check()
        }
    }

    @Test("as many links as people's packages have are followed")
    func usual() throws {
        try links(20_000, path: { "node_modules/.bin/tool\($0)" }, target: "../tool/bin/tool.js").check()
    }

    @Test("a way out is found behind folders, dots and other links")
    func out() throws {
        let chain = UnpackLinks(
            Dictionary(
                uniqueKeysWithValues: [
                    ("a/b/here", "."), ("a/up", "b/here/.."), ("first", "a/up/./b/../../.."),
                ].map { (Array($0.0.utf8), Array($0.1.utf8)) }))
        let error = try #require(throws: UnpackError.self) { try chain.check() }
        #expect(error.description.contains("'first'") && error.description.contains("leads out"), "\(error)")
    }
}
