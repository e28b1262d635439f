import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// A daemon that was replaced by a newer gwe says more than an older `gwe` command knows. `--json` is for programs of the
/// newer one too: what came is passed on.
@Suite("A command beside a newer daemon") struct NewerDaemonTests {
    /// Answers each path with a text.
    private func daemon(_ gateway: GatewayFixture, _ answers: [String: String]) throws -> LocalHTTPServer {
        _ = try FileTree.makeDirectory(gateway.stateFolder + "/run")
        return try LocalHTTPServer(.init(address: .unix(path: gateway.socketFile, mode: 0o600))) { request in
            answers[request.path].map { .init(status: 200, text: $0, type: "application/json") }
                ?? .init(status: 404, text: "{\"message\": \"no such call\"}", type: "application/json")
        }
    }

    @Test("status --json and report --print keep keys that this gwe does not know")
    func documents() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let status = try gateway.gwe("status", "--json")
        let known = try JSON.parse(status.out, source: "status").json
        let newer = JSONValue.object((known.members ?? []) + [("boot_count", .int(7))])
        let reports = try gateway.gwe("report", "--print", "--json").out
        let newerReports = JSONValue.object(
            (try JSON.parse(reports, source: "reports").json.members ?? []) + [("engine_plan", .object([]))])
        let server = try daemon(
            gateway,
            [
                "/v1/status": JSONValue.object([("exit", .int(0)), ("status", newer)]).text(),
                "/v1/reports": newerReports.text(),
            ])
        defer { server.stop() }
        let told = try gateway.gwe("status", "--json")
        #expect(told.code == 0 && told.err == "", "\(told)")
        #expect(try JSON.parse(told.out, source: "status").json == newer)
        let printed = try gateway.gwe("report", "--print", "--json")
        #expect(printed.out == newerReports.text() + "\n", "\(printed)")
    }

    @Test("reconcile --json passes on every line, also one that it cannot read; for people it shows the others")
    func lines() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let lines = [
            #"{"type":"note","message":"hello","since":5}"#, #"{"type":"weather","wind":"north"}"#,
            #"{"type":"step","app":"web","step":"install","outcome":{"word":"done"},"message":""}"#,
            #"{"type":"result","exit":0,"message":"all is well","passes":2}"#,
        ]
        let server = try daemon(gateway, ["/v1/reconcile": lines.map { $0 + "\n" }.joined()])
        defer { server.stop() }
        let json = try gateway.gwe("reconcile", "--json")
        #expect(json.code == 0 && json.out == lines.map { $0 + "\n" }.joined(), "\(json)")
        let text = try gateway.gwe("reconcile")
        #expect(text.code == 0 && text.out == "all is well\n" && text.err == "gwe: hello\n", "\(text)")
    }
}
