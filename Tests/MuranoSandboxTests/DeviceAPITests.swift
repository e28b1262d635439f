import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

@Suite("Device API") struct DeviceAPITests {
    let sandbox: SandboxFixture

    init() throws { sandbox = try .activated() }

    private static let alias = SandboxFixture.alias
    private static let record = SandboxFixture.record
    private static let download = SandboxFixture.download

    // MARK: Activation

    @Test(
        "both forms of activation give a token of 40 letters and digits",
        arguments: [
            "vendor=sandbox000000000&model=sandbox000000000&sn=a%3Ab", "id=a:b", "id=a%3ab&", "sn=a:b",
            "password=&id=a:b",
        ])
    func activate(form: String) throws {
        try sandbox.server.addDevice("a:b")
        let answer = try sandbox.call("POST", "/provision/activate", body: form, token: nil)
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"]?.hasPrefix("text/plain") == true)
        #expect(answer.text.count == 40)
        #expect(answer.text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        #expect(try sandbox.server.token(of: "a:b") == answer.text)
        #expect(try sandbox.server.devices().first { $0.id == "a:b" }?.state == "provisioned")
        #expect(try sandbox.call("POST", "/provision/activate", body: form, token: nil).status == 409)
    }

    @Test("a device that was enabled again gets a new token, and only then loses the old one")
    func activateAgain() throws {
        try sandbox.server.enableDevice(sandbox.id)
        #expect(try sandbox.call("POST", Self.alias, body: "a=1").status == 204)
        let second = try sandbox.call("POST", "/provision/activate", body: "id=\(sandbox.id)", token: nil).text
        #expect(second.count == 40)
        #expect(second != sandbox.token)
        #expect(try sandbox.call("POST", Self.alias, body: "a=1").status == 401)
        #expect(try sandbox.call("POST", Self.alias, body: "a=1", token: second).status == 204)
    }

    // MARK: Every status code

    struct Call: CustomTestStringConvertible, Sendable {
        var status: Int
        var method: String
        var target: String
        var body: String?
        var headers: [String] = []
        var token: String? = "own"
        var type: String? = "application/x-www-form-urlencoded"
        var testDescription: String { "\(status) \(method) \(target.prefix(60)) \(body?.prefix(40) ?? "") \(headers)" }

        init(
            _ status: Int, _ method: String, _ target: String, _ body: String? = nil, headers: [String] = [],
            token: String? = "own", type: String? = "application/x-www-form-urlencoded"
        ) {
            (self.status, self.method, self.target, self.body) = (status, method, target, body)
            (self.headers, self.token, self.type) = (headers, token, type)
        }
    }

    static let calls: [Call] = [
        // activation
        Call(404, "POST", "/provision/activate", "id=unknown", token: nil),
        Call(404, "POST", "/provision/activate", "vendor=x&model=sandbox000000000&sn=02:42:AC:11:00:02", token: nil),
        Call(404, "POST", "/provision/activate", "vendor=sandbox000000000&model=x&sn=02:42:AC:11:00:02", token: nil),
        Call(409, "POST", "/provision/activate", "id=02:42:AC:11:00:02", token: nil),
        Call(400, "POST", "/provision/activate", "", token: nil),
        Call(400, "POST", "/provision/activate", "id=", token: nil),
        Call(400, "POST", "/provision/activate", "id", token: nil),
        Call(400, "POST", "/provision/activate", "%%%&=&&", token: nil),
        Call(405, "GET", "/provision/activate", token: nil),
        // tokens
        Call(401, "GET", alias + "?a", token: nil),
        Call(401, "GET", alias + "?a", token: String(repeating: "x", count: 40)),
        Call(401, "GET", alias + "?a", token: ""),
        Call(401, "POST", alias, "a=1", headers: ["Authorization: token"], token: nil),
        Call(401, "POST", alias, "a=1", headers: ["Authorization: Basic abc"], token: nil),
        Call(401, "POST", record, "alias=a&1=1", token: nil),
        Call(401, "GET", download, token: nil),
        // write
        Call(204, "POST", alias, "a=1"),
        Call(204, "POST", "/onep%3Av1/stack/alias", "a=1"),
        Call(204, "POST", "/onep%3av1/stack/alias", "a=1&&b=2&"),
        Call(204, "POST", alias, "a="),
        Call(204, "POST", alias, "a=b=c"),
        Call(204, "POST", alias, "raw space=å ß % %g1 %2"),
        Call(400, "POST", alias, ""),
        Call(400, "POST", alias, "a"),
        Call(400, "POST", alias, "=1"),
        Call(400, "POST", alias, "a/b=1"),
        Call(400, "POST", alias, "a%00=1"),
        Call(400, "POST", alias, String(repeating: "a", count: 256) + "=1"),
        Call(413, "POST", alias, "a=" + String(repeating: "x", count: (1 << 20) + 1)),
        Call(413, "POST", alias, "a=" + String(repeating: "x", count: 8 << 20)),
        Call(415, "POST", alias, "a=1", type: nil),
        Call(415, "POST", alias, "{\"a\":1}", type: "application/json"),
        Call(405, "DELETE", alias),
        Call(405, "PUT", alias, "a=1"),
        // read
        Call(204, "GET", alias + "?never"),
        Call(400, "GET", alias),
        Call(400, "GET", alias + "?"),
        Call(400, "GET", alias + "?&&"),
        Call(400, "GET", alias + "?a%2Fb"),
        Call(204, "POST", alias + "?never", "a=1"),
        Call(204, "POST", alias + "?never", ""),
        // long poll
        Call(304, "GET", alias + "?never", headers: ["Request-Timeout: 0"]),
        Call(304, "GET", alias + "?never", headers: ["Request-Timeout: 1", "If-Modified-Since: 0"]),
        Call(304, "GET", alias + "?never", headers: ["Request-Timeout: 1", "If-Modified-Since: rubbish"]),
        Call(400, "GET", alias + "?never", headers: ["Request-Timeout: -1"]),
        Call(400, "GET", alias + "?never", headers: ["Request-Timeout: soon"]),
        // record
        Call(204, "POST", record, "alias=a&10=1&11=2&alias=b&10=1"),
        Call(204, "POST", alias + "/a", "10=1&11=2"),
        Call(409, "POST", record, "alias=a&10=1&10=2"),
        Call(400, "POST", record, ""),
        Call(400, "POST", record, "alias=a"),
        Call(400, "POST", record, "10=1"),
        Call(400, "POST", record, "alias=a&now=1"),
        Call(400, "POST", record, "alias=a&-10=1"),
        Call(400, "POST", record, "alias=a&99999999999999999999=1"),
        Call(400, "POST", alias + "/a", "alias=a&10=1"),
        Call(400, "POST", alias + "/a%2Fb", "10=1"),
        Call(415, "POST", record, "alias=a&10=1", type: "text/plain"),
        Call(405, "GET", record),
        Call(405, "GET", alias + "/a"),
        // content
        Call(200, "GET", "/provision/download"),
        Call(200, "GET", download),
        Call(403, "GET", "/provision/download?vendor=x&model=sandbox000000000"),
        Call(403, "GET", "/provision/download?vendor=sandbox000000000&model=x&id=c"),
        Call(403, "GET", download + "&id=never"),
        Call(400, "GET", download + "&id=never&info=true"),
        Call(200, "GET", download + "&id=c"),
        Call(200, "GET", download + "&id=c&info=true"),
        Call(206, "GET", download + "&id=c", headers: ["Range: bytes=0-0"]),
        Call(416, "GET", download + "&id=c", headers: ["Range: bytes=10-"]),
        Call(405, "POST", download, ""),
        // others
        Call(200, "GET", "/timestamp", token: nil),
        Call(200, "GET", "/ip", token: nil),
        Call(405, "POST", "/timestamp", "", token: nil),
        Call(404, "GET", "/onep:v1/stack", token: nil),
        Call(404, "GET", "/no/such/path?x", token: nil),
    ]

    @Test("each call is answered with its documented status", arguments: calls)
    func status(call: Call) throws {
        try sandbox.server.uploadContent("c", Array("0123456789".utf8))
        let answer = try sandbox.call(
            call.method, call.target, body: call.body, headers: call.headers, token: call.token, type: call.type)
        #expect(answer.status == call.status, "\(answer.text)")
        // It still serves.
        #expect(try sandbox.call("GET", "/timestamp").status == 200)
    }

    @Test(
        "bytes that are no HTTP never end the server",
        arguments: [
            "", "\r\n", "GET\r\n\r\n", "GET /onep:v1/stack/alias\r\n\r\n", "\u{0}\u{7F}\u{1}\r\n\r\n",
            "POST /onep:v1/stack/alias HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
            "POST /onep:v1/stack/alias HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\na=1",
            "POST /provision/activate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "GET /provision/download?id=%00%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /%%%?%%% HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /sandbox/v1/devices/%00/resources?%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ])
    func rubbish(bytes: String) throws {
        let fd = try sandbox.connect()
        _ = send(fd, bytes, bytes.utf8.count, Int32(MSG_NOSIGNAL))
        shutdown(fd, Int32(SHUT_WR))
        let answer = SandboxFixture.readAnswer(fd)
        close(fd)
        #expect(answer.status == 0 || (400..<500).contains(answer.status))
        #expect(try sandbox.call("GET", "/timestamp").status == 200)
    }
}
