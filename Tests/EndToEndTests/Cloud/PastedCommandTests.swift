import Documents
import Foundation
import TestSupport
import Testing

/// What a person pastes into `engine_fetch` by hand, and what the cloud hears of it.
@Suite("Commands that were pasted") struct PastedCommandTests {
    // sindresorhus/strip-json-comments#64, konklone/json#158
    @Test("a command from a web page is refused, what was there stays, and the report says what was found")
    func report() throws {
        let gateway = try GatewayFixture()
        let package = TestPackage("web", "1", files: ["install.sh": .script("exit 0")])
        try gateway.upload(package)
        try gateway.command("\u{FEFF}{\"install\": [{\"name\": \"web.v1.tar.gz\"}]}")
        let first = try gateway.gwe("reconcile")
        #expect(first.code == 0, "\(first)")
        #expect(gateway.current("web") != nil)
        for (text, words) in [
            ("{\"install\":\u{A0}[]}", "U+00A0 no-break space"), ("{&quot;install&quot;: []}", "this looks like HTML"),
            ("{“install”: []}", "U+201C left double quotation mark"),
        ] {
            try gateway.command(text)
            let ran = try gateway.gwe("reconcile")
            let report = try #require(try gateway.resource("fetch_status"))
            #expect(report.contains(words), "\(report)\n\(ran)")
            #expect(gateway.current("web") != nil)
        }
    }
}
