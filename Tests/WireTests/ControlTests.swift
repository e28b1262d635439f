import Documents
import Foundation
import GatewayModel
import Testing

@testable import Wire

/// The table of the socket's calls, the requests made by it, and the page that describes it.
@Suite("The daemon's calls") struct ControlTests {
    /// Sends a request as a client does and reads it as the daemon does.
    private func again<Request: ControlRequest>(_ request: Request) throws -> Request {
        let message = request.message
        let target = message.target(of: Request.call)
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        let found = try #require(ControlCall.find(method: Request.call.method.rawValue, path: parts[0]))
        #expect(found.call == Request.call)
        return try Request(
            ControlMessage(words: found.words, query: parts.count > 1 ? parts[1] : nil, body: message.body))
    }

    @Test("what a client asks is what the daemon reads")
    func requests() throws {
        let web = try #require(AppName("web"))
        for request in [StatusRequest(), StatusRequest(app: web), StatusRequest(app: web, isDeep: true)] {
            #expect(try again(request) == request)
        }
        for verb in AppVerb.allCases { #expect(try again(ActionRequest(verb, web)) == ActionRequest(verb, web)) }
        var pass = PassRequest()
        #expect(try again(pass) == pass)
        (pass.isDeep, pass.isOffline, pass.isByHand, pass.until, pass.apps) = (true, true, true, .stage, [web])
        #expect(try again(pass) == pass)
        for lower in [false, true] {
            let request = InstallRequest(tarballs: ["/a b"], allowsDowngrade: lower)
            #expect(try again(request) == request)
        }
        #expect(try again(RemoveRequest(app: web, isPurge: true)) == RemoveRequest(app: web, isPurge: true))
        _ = (try again(ServicesRequest()), try again(ReportsRequest()), try again(SendReportsRequest()))
        _ = (try again(TokenRequest()), try again(ReplaceRequest()))
    }

    @Test("an empty body is a whole pass; what is wrong in one is refused in words")
    func bodies() throws {
        func refusal(_ body: String) -> ControlRefusal? {
            do throws(ControlRefusal) {
                _ = try PassRequest(ControlMessage(words: [], query: nil, body: Array(body.utf8)))
                return nil
            } catch { return error }
        }
        #expect(refusal("") == nil && refusal("{}") == nil)
        #expect(refusal(#"{"until": null, "apps": []}"#) == nil)
        #expect(refusal(#"{"until": "never"}"#)?.message == #"until: expected "download" or "stage""#)
        #expect(refusal(#"{"apps": ["web", "a b"]}"#)?.message == #""a b" is no app name"#)
        #expect(refusal("{")?.kind == .badRequest)
    }

    @Test("the page lists every call and every status, and no other")
    func page() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/local-api.md")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
        let listed = lines.filter { $0.hasPrefix("### `") }.map { String($0.dropFirst(5).prefix { $0 != "`" }) }
        #expect(listed == ControlCall.allCases.map { "\($0.method.rawValue) \($0.path)" })
        let statuses = lines.filter { $0.wholeMatch(of: /\| [45][0-9]{2} \| .* \|/) != nil }
        #expect(statuses == ControlRefusal.Kind.allCases.map { "| \($0.rawValue) | \($0.meaning) |" })
    }
}
