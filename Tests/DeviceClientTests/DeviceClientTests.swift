import DeviceClient
import GatewaySystem
import TestSupport
import Testing

@Suite("Device client")
struct DeviceClientTests {
    let folder: TemporaryFolder

    init() throws { folder = TemporaryFolder() }

    private func failure(_ work: () throws -> Void) throws -> DeviceClientError {
        try #require(throws: DeviceClientError.self, performing: work)
    }

    /// A cloud that hands out the token `new…` and accepts only the one that is good.
    private func cloud(good: String) throws -> ScriptedCloud {
        try ScriptedCloud { request, _ in
            if request.path == "/provision/activate" { return .init(status: 200, text: tokenText("new")) }
            guard request.header("X-Exosite-CIK") == tokenText(good) else { return .init(status: 401, text: "") }
            return .init(status: 200, text: "a=1")
        }
    }

    @Test("a device without a token activates, keeps the token, and goes on")
    func activatesFirst() throws {
        let cloud = try cloud(good: "new")
        defer { cloud.stop() }
        #expect(try cloud.client(folder).read(["a"]) == ["a": "1"])
        #expect(folder.text("token") == tokenText("new") + "\n")
        #expect(cloud.paths == ["/provision/activate", "/onep:v1/stack/alias"])
        #expect(String(decoding: cloud.requests[0].body, as: UTF8.self) == "id=00%3A11%3A22%3A33%3A44%3A55")
        // The next client finds it.
        #expect(try cloud.client(folder).read(["a"]) == ["a": "1"])
        #expect(cloud.requests.count == 3)
    }

    @Test("the older form of activation names product and serial number")
    func serialNumber() throws {
        let cloud = try cloud(good: "new")
        defer { cloud.stop() }
        var configuration = try cloud.client(folder).configuration
        configuration.activation = .serialNumber
        try DeviceClient(configuration: configuration, tokens: TokenStore(path: folder("token"))).activate()
        #expect(
            String(decoding: cloud.requests[0].body, as: UTF8.self)
                == "vendor=sandbox000000000&model=sandbox000000000&sn=00%3A11%3A22%3A33%3A44%3A55")
    }

    @Test("a refused token is renewed by one activation, and the call is tried once more")
    func renews() throws {
        let cloud = try cloud(good: "new")
        defer { cloud.stop() }
        try folder.write("token", tokenText("old").utf8)
        #expect(try cloud.client(folder).read(["a"]) == ["a": "1"])
        #expect(cloud.paths == ["/onep:v1/stack/alias", "/provision/activate", "/onep:v1/stack/alias"])
        #expect(folder.text("token.previous") == tokenText("old") + "\n")
    }

    @Test("a second refusal asks for patience and tries no more")
    func patience() throws {
        let cloud = try cloud(good: "none")
        defer { cloud.stop() }
        try folder.write("token", tokenText("old").utf8)
        let error = try failure { _ = try cloud.client(folder).read(["a"]) }
        #expect(error.kind == .notAuthorised && error.status == 401)
        #expect(error.retryAfter == DeviceClientError.patience)
        #expect(cloud.requests.count == 3)
        #expect(!error.description.contains("0000") && error.description.hasPrefix("cannot read a: "))
    }

    @Test("a token that another process has stored in the meantime is used instead of activating")
    func storedMeanwhile() throws {
        let cloud = try ScriptedCloud { request, _ in
            let isGood = [tokenText("old"), tokenText("other")].contains(request.header("X-Exosite-CIK"))
            let isWrite = request.method == "POST"
            guard isGood, isWrite || request.header("X-Exosite-CIK") == tokenText("other") else {
                return .init(status: 401, text: "")
            }
            return isWrite ? .init(status: 204) : .init(status: 200, text: "a=1")
        }
        defer { cloud.stop() }
        let tokens = TokenStore(path: folder("token"))
        try tokens.save(#require(DeviceToken(tokenText("old"))))
        let client = try cloud.client(folder)
        try client.write([("a", "1")])
        try tokens.save(#require(DeviceToken(tokenText("other"))))
        #expect(try client.read(["a"]) == ["a": "1"])
        #expect(!cloud.paths.contains("/provision/activate"))
    }

    @Test("a run that may not activate neither activates nor writes a file")
    func mayNotActivate() throws {
        let cloud = try cloud(good: "new")
        defer { cloud.stop() }
        let client = try cloud.client(folder, mayActivate: false)
        #expect(try failure { _ = try client.read(["a"]) }.kind == .notActivated)
        try folder.write("token", tokenText("old").utf8)
        #expect(try failure { _ = try client.read(["a"]) }.kind == .notAuthorised)
        #expect(try failure { try client.activate() }.kind == .notActivated)
        #expect(folder.names == ["token"])
        #expect(!cloud.paths.contains("/provision/activate"))
    }

    @Test(
        "refused activations are told apart",
        arguments: [
            (403, DeviceClientError.Kind.unknownDevice), (404, .unknownDevice), (409, .alreadyActivated),
            (500, .retryLater), (429, .retryLater), (400, .permanent),
        ])
    func refusedActivation(status: Int, kind: DeviceClientError.Kind) throws {
        let cloud = try ScriptedCloud { _, _ in .init(status: status, text: "no") }
        defer { cloud.stop() }
        let error = try failure { try cloud.client(folder).activate() }
        #expect(error.kind == kind && error.status == status)
        #expect(folder.names == [])
    }

    @Test(
        "an answer that is no token is not kept",
        arguments: ["", "short", String(repeating: "x", count: 41), "<html><body>Welcome to the hotel</body></html>"])
    func noToken(body: String) throws {
        let cloud = try ScriptedCloud { _, _ in .init(status: 200, text: body) }
        defer { cloud.stop() }
        #expect(try failure { try cloud.client(folder).activate() }.kind == .captivePortal)
        #expect(folder.names == [])
    }

    @Test("pages, redirects and values that nobody asked for are a captive portal's", arguments: 0..<5)
    func captivePortal(kind: Int) throws {
        let cloud = try ScriptedCloud { _, _ in
            switch kind {
            case 0: .init(status: 200, text: "<!DOCTYPE html>", type: "text/plain")
            case 1: .init(status: 200, text: "welcome", type: "text/html; charset=utf-8")
            case 2: .init(status: 302, headers: [("Location", "https://portal.example/login")])
            case 3: .init(status: 511, text: "log in")
            default: .init(status: 200, text: "welcome=to&the=hotel")
            }
        }
        defer { cloud.stop() }
        try folder.write("token", tokenText("old").utf8)
        let error = try failure { _ = try cloud.client(folder).read(["a"]) }
        #expect(error.kind == .captivePortal && error.isUnreachable && !error.isPermanent)
        let clock = try failure { _ = try cloud.client(folder).timestamp() }
        #expect(clock.kind == .captivePortal)
    }

    @Test(
        "a number that no clock shows is no time",
        arguments: ["-9223372036854775808", "-1", "1000000000001", "9223372036854775807"])
    func noTime(body: String) throws {
        let cloud = try ScriptedCloud { _, _ in .init(status: 200, text: body) }
        defer { cloud.stop() }
        #expect(try failure { _ = try cloud.client(folder).timestamp() }.kind == .captivePortal)
    }

    @Test("a busy server's pause reaches the caller")
    func retryAfter() throws {
        let cloud = try ScriptedCloud { _, _ in .init(status: 503, headers: [("Retry-After", "120")]) }
        defer { cloud.stop() }
        try folder.write("token", tokenText("old").utf8)
        let error = try failure { try cloud.client(folder).write([("a", "1")]) }
        #expect(error.kind == .retryLater && error.retryAfter == .seconds(120) && error.isUnreachable)
    }

    @Test("a cloud that is not there is unreachable, and plain http beyond loopback is refused for good")
    func unreachable() throws {
        try folder.write("token", tokenText("old").utf8)
        func error(_ url: String) throws -> DeviceClientError {
            let configuration = DeviceClient.Configuration(product: "p", cloudURL: url, identity: "i")
            let client = try DeviceClient(configuration: configuration, tokens: TokenStore(path: folder("token")))
            return try failure { _ = try client.read(["a"]) }
        }
        let absent = try error("http://127.0.0.1:1")
        #expect(absent.kind == .retryLater && absent.isUnreachable)
        let plain = try error("http://cloud.example")
        #expect(plain.isPermanent && !plain.isUnreachable)
        #expect(DeviceClient.Configuration(product: "abc", identity: "i").baseURL == "https://abc.m2.exosite.io")
    }

    @Test("every request is told with its status, the failed too")
    func metering() throws {
        let cloud = try ScriptedCloud { _, index in index == 0 ? .init(status: 503, text: "") : .init(status: 204) }
        defer { cloud.stop() }
        try folder.write("token", tokenText("old").utf8)
        let client = try cloud.client(folder)
        var metered: [DeviceExchange] = []
        client.observer = { metered.append($0) }
        _ = try failure { _ = try client.read(["a"]) }
        _ = try client.writeAndRead([("a", "12345")], reading: ["b"])
        #expect(metered.map(\.method) == ["GET", "POST"])
        #expect(metered.map(\.resources) == [["a"], ["a", "b"]])
        #expect(metered.map(\.status) == [503, 204])
        #expect(metered.allSatisfy { $0.sentByteCount > 100 && $0.receivedByteCount > 10 })
    }

    @Test("a content's information of the wrong shape is not believed", arguments: ["", "a,b,c", "x,-1,5,", "text"])
    func contentInfoShape(body: String) throws {
        let cloud = try ScriptedCloud { _, _ in .init(status: 200, text: body) }
        defer { cloud.stop() }
        try folder.write("token", tokenText("old").utf8)
        #expect(try failure { _ = try cloud.client(folder).contentInfo("a") }.kind == .captivePortal)
    }
}
