import DeviceClient
import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// The server's own answers, as `gdc` prints them.
@Suite("Calls with raw answers") struct DeviceCallTests {
    let fixture: SandboxFixture
    let device = "00:11:22:33:44:55"
    var sandbox: SandboxServer { fixture.server }
    var folder: TemporaryFolder { fixture.folder }

    init() throws { fixture = try SandboxFixture(id: device) }

    private func client(identity: String? = nil) throws -> DeviceClient {
        var configuration = DeviceClient.Configuration(
            product: "", cloudURL: sandbox.url, identity: identity ?? device)
        configuration.timeout = .seconds(30)
        return try DeviceClient(configuration: configuration, tokens: .none)
    }

    @Test("every call with each status that the API documents; nothing is activated or stored by the way")
    func statuses() throws {
        let client = try client()
        func answer(_ call: DeviceCall, _ token: DeviceToken? = nil) throws -> (Int, String) {
            let answer = try client.answer(to: call, token: token)
            return (answer.status, answer.text)
        }
        #expect(try answer(.read(["a"])).0 == 401)
        #expect(try sandbox.token(of: device) == nil)
        let (status, text) = try answer(.activate)
        #expect(status == 200)
        let token = try #require(DeviceToken(text))
        #expect(try sandbox.token(of: device) == token.secret)
        #expect(try self.client(identity: "nobody").answer(to: .activate).status == 404)
        try sandbox.uploadContent("c.txt", Array("four".utf8))
        let point = RecordPoint(alias: "r", timestamp: 1000, value: "1")
        let rows: [(call: DeviceCall, status: Int, text: String)] = [
            (.activate, 409, ""), (.read(["a"]), 204, ""), (.write([(alias: "a", value: "1 2")]), 204, ""),
            (.write([(alias: "b", value: "x")], reading: ["a"]), 200, "a=1%202"),
            (.read(["a", "b"]), 200, "a=1%202&b=x"), (.read([]), 400, "expected aliases in the query\n"),
            (.poll(alias: "a", timeout: .milliseconds(20)), 304, ""),
            (.poll(alias: "a", timeout: .seconds(5), since: "1"), 200, "a=1%202"), (.record([point]), 204, ""),
            (.record([point]), 409, "r=1000"), (.contentList, 200, "c.txt\r\n"), (.contentInfo("none"), 400, ""),
        ]
        for row in rows { #expect(try answer(row.call, token) == (row.status, row.text), "\(row.call)") }
        #expect(try answer(.contentInfo("c.txt"), token).1.contains(",4,"))
        #expect(try Int64(answer(.timestamp).1) != nil)
        let poll = DeviceCall.poll(alias: "a", timeout: .seconds(5), since: "1")
        let last = try client.answer(to: poll, token: token).lastModified
        #expect(last?.hasSuffix("GMT") == true)
    }

    @Test(
        "a 200 that is no answer to the call is an error, whatever it looks like",
        arguments: [
            DeviceCall.timestamp, .activate, .read(["a"]), .poll(alias: "a", timeout: .seconds(1), since: "1"),
            .write([(alias: "b", value: "x")], reading: ["a"]), .contentList, .contentInfo("c.txt"),
        ])
    func garbage(call: DeviceCall) throws {
        let client = try client()
        try sandbox.uploadContent("c.txt", Array("four".utf8))
        let token = try #require(try DeviceToken(client.answer(to: .activate).text))
        _ = try client.answer(to: .write([(alias: "a", value: "1")]), token: token)
        if case .activate = call { try sandbox.enableDevice(device) }
        for kind in [Fault.Kind.garbage, .captivePortal] {
            sandbox.addFault(Fault(kind, times: 1))
            let error = try #require(throws: DeviceClientError.self) { try client.answer(to: call, token: token) }
            #expect(error.kind == .captivePortal, "\(error)")
        }
    }

    @Test("a client that is given its token uses it and no store; without tokens none is sent")
    func givenToken() throws {
        let token = try #require(try DeviceToken(client().answer(to: .activate).text))
        var configuration = try client().configuration
        configuration.token = token
        configuration.mayActivate = false
        let given = try DeviceClient(configuration: configuration, tokens: .none)
        try given.write([(alias: "a", value: "1")])
        #expect(try given.read(["a"]) == ["a": "1"])
        configuration.usesToken = false
        let without = try DeviceClient(configuration: configuration, tokens: .none)
        let error = try #require(throws: DeviceClientError.self) { try without.read(["a"]) }
        #expect(error.kind == .notAuthorised)
        #expect(error.reason.contains("certificate"))
    }

    @Test("curl's command line quotes what a shell would take apart, and holds no token")
    func curl() throws {
        var configuration = DeviceClient.Configuration(product: "p", cloudURL: "https://h:1", identity: "i")
        configuration.transfer.caFile = "/a b.pem"
        let client = try DeviceClient(configuration: configuration, tokens: .none)
        let form = "-H 'Content-Type: application/x-www-form-urlencoded; charset=utf-8'"
        #expect(
            client.curlCommand(.write([(alias: "a", value: "it's")]), withToken: true)
                == "curl -sS --cacert '/a b.pem' \(form) -H \"X-Exosite-CIK: $GDC_TOKEN\" "
                + "--data-raw a=it%27s https://h:1/onep:v1/stack/alias")
        #expect(
            client.curlCommand(.activate, withToken: true)
                == "curl -sS --cacert '/a b.pem' \(form) --data-raw id=i https://h:1/provision/activate")
        #expect(
            client.curlCommand(downloading: "it's", withToken: false)
                == "curl -sS --cacert '/a b.pem' 'https://h:1/provision/download?vendor=p&model=p&id=it%27s' "
                + "-o 'it'\\''s'")
    }
}
