import DeviceClient
import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// The device client against the sandbox: every call, and downloads whose cost the sandbox's log shows.
@Suite("Device client and sandbox")
struct DeviceClientSandboxTests {
    let fixture: SandboxFixture
    let device = "00:11:22:33:44:55"
    var sandbox: SandboxServer { fixture.server }
    var folder: TemporaryFolder { fixture.folder }

    init() throws { fixture = try SandboxFixture(id: device) }

    private func client(_ url: String? = nil, identity: String? = nil) throws -> DeviceClient {
        let configuration = DeviceClient.Configuration(
            product: sandbox.product, cloudURL: url ?? sandbox.url, identity: identity ?? device)
        return try DeviceClient(configuration: configuration, tokens: TokenStore(path: folder("token")))
    }

    private func proxy() throws -> CuttingProxy {
        try CuttingProxy(upstream: #require(UInt16(sandbox.url.split(separator: ":").last ?? "")))
    }

    private func content(_ count: Int, seed: Int = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 7919 &+ seed &* 104_729) >> 3) }
    }

    /// The downloads that the sandbox saw, without questions for information.
    private func downloads() throws -> [SandboxRequest] {
        try sandbox.requestLog().filter { $0.path.contains("&id=") && !$0.path.contains("info=true") }
    }

    /// One try a call, so that a cut ends the call.
    private func once(_ request: inout DownloadRequest) {
        request.retry.maximumAttempts = 1
        request.retry.base = .zero
    }

    @Test("activation yields the token that the sandbox knows, in both forms")
    func activate() throws {
        let token = try client().activate()
        #expect(try sandbox.token(of: device) == token.secret)
        let again = try #require(throws: DeviceClientError.self) { try client().activate() }
        #expect(again.kind == .alreadyActivated)
        let unknown = try #require(throws: DeviceClientError.self) { try client(identity: "nobody").activate() }
        #expect(unknown.kind == .unknownDevice)
        #expect(try client().read(["a"]) == [:])
        try sandbox.addDevice("second")
        var configuration = try client(identity: "second").configuration
        configuration.activation = .serialNumber
        let second = try DeviceClient(configuration: configuration, tokens: TokenStore(path: folder("second")))
            .activate()
        #expect(try sandbox.token(of: "second") == second.secret)
    }

    @Test("values go there and back as they are")
    func values() throws {
        let client = try client()
        let odd = "a+b c&d=e;f%25 Grüße 🚀\r\n{\"k\":[1]}"
        try client.write([("one", odd), ("two", "")])
        #expect(try client.read(["one", "two", "three"]) == ["one": odd, "two": ""])
        try sandbox.write(device, "engine_fetch", "{\"install\":[]}")
        let values = try client.writeAndRead([("one", "1")], reading: ["engine_fetch", "one"])
        #expect(values == ["engine_fetch": "{\"install\":[]}", "one": "1"])
        #expect(try client.writeAndRead([], reading: ["one"]) == ["one": "1"])
        let requests = try sandbox.requestLog()
        #expect(requests.map(\.method) == ["POST", "POST", "GET", "POST", "GET"])
    }

    @Test("a long poll returns when the operator writes, and says when nothing came")
    func longPoll() throws {
        let client = try client()
        #expect(try client.longPoll("engine_fetch", timeout: .milliseconds(20)) == .unchanged)
        try sandbox.write(device, "engine_fetch", "now")
        guard
            case .changed(let values, let modified) = try client.longPoll(
                "engine_fetch", timeout: .seconds(30), since: "0")
        else { throw TestFailure("another answer") }
        #expect(values == ["engine_fetch": "now"])
        #expect(modified != nil)
    }

    @Test("records are kept with their times, and conflicts are named")
    func record() throws {
        let client = try client()
        let points = [
            RecordPoint(alias: "temp", timestamp: 1_700_000_000, value: "1 & 2"),
            RecordPoint(alias: "hum", timestamp: 1_700_000_000, value: "60"),
            RecordPoint(alias: "temp", timestamp: 1_700_000_001, value: "3"),
        ]
        #expect(try client.record(points) == .accepted)
        #expect(try sandbox.records(device, "temp").map(\.value) == ["1 & 2", "3"])
        #expect(try sandbox.records(device, "hum").map(\.timestamp) == [1_700_000_000_000_000])
        let twice = [
            RecordPoint(alias: "temp", timestamp: 1_700_000_010, value: "1"),
            RecordPoint(alias: "temp", timestamp: 1_700_000_010, value: "2"),
        ]
        guard case .conflicts(let conflicts) = try client.record(twice) else { throw TestFailure("another answer") }
        #expect(conflicts.keys.sorted() == ["temp"])
        #expect(conflicts["temp"]?.contains(1_700_000_010) == true)
    }

    @Test("a token that the cloud has withdrawn is renewed where the cloud permits it")
    func withdrawn() throws {
        let client = try client()
        try client.write([("a", "1")])
        try sandbox.deleteDevice(device)
        let refused = try #require(throws: DeviceClientError.self) { try client.write([("a", "2")]) }
        #expect(refused.kind == .unknownDevice && refused.retryAfter != nil)
        try sandbox.addDevice(device)
        try client.write([("a", "3")])
        #expect(try sandbox.read(device, "a")?.reported.map { "\($0)" }?.contains("3") == true)
    }

    @Test("contents are listed, described and fetched")
    func contents() throws {
        let client = try client()
        #expect(try client.contentList() == [])
        let bytes = content(300_000)
        try sandbox.uploadContent("b.v1.tar.gz", bytes)
        try sandbox.uploadContent("a b&c.tar.gz", [1, 2, 3])
        #expect(try client.contentList().sorted() == ["a b&c.tar.gz", "b.v1.tar.gz"])
        let info = try client.contentInfo("b.v1.tar.gz")
        #expect(info.byteCount == 300_000 && info.type == "application/gzip" && info.updated > 1_700_000_000)
        let outcome = try client.download("b.v1.tar.gz", into: folder("b"))
        #expect(folder.bytes("b") == bytes)
        #expect(outcome.sha256 == SHA256.hex(of: bytes) && outcome.requestCount == 1)
        _ = try client.download("a b&c.tar.gz", into: folder("a"))
        #expect(folder.bytes("a") == [1, 2, 3])
        let absent = try #require(throws: DeviceClientError.self) { try client.contentInfo("none") }
        #expect(absent.isPermanent)
        // What is here already costs no download.
        #expect(try client.download("b.v1.tar.gz", into: folder("b")).requestCount == 0)
    }

    @Test("the cloud's clock is read without a token")
    func timestamp() throws {
        #expect(try client().timestamp() > 1_700_000_000)
        #expect(try sandbox.token(of: device) == nil)
    }

    @Test("a download cut at any byte resumes and costs only the missing bytes")
    func cutAnywhere() throws {
        let proxy = try proxy()
        defer { proxy.stop() }
        let bytes = content(47)
        try sandbox.uploadContent("app.v1.tar.gz", bytes)
        for cut in 0..<bytes.count {
            try sandbox.clearRequestLog()
            proxy.cutNext(afterBody: cut)
            let path = folder("cut-\(cut)")
            let error = try #require(throws: DeviceClientError.self) {
                try client(proxy.url).download("app.v1.tar.gz", into: path, configure: once)
            }
            #expect(error.transfer?.kind == .cut)
            let outcome = try client(proxy.url).download("app.v1.tar.gz", into: path, configure: once)
            #expect(outcome.resumedByteCount == Int64(cut))
            #expect(folder.bytes("cut-\(cut)") == bytes)
            let second = try #require(try downloads().last)
            #expect(try downloads().count == 2)
            #expect(second.sentByteCount == Int64(bytes.count - cut))
            #expect(second.range == (cut == 0 ? nil : "bytes=\(cut)-"))
            #expect(second.status == (cut == 0 ? 200 : 206))
        }
    }

    @Test("content replaced in between is fetched anew", arguments: [47, 40, 60])
    func replaced(size: Int) throws {
        let proxy = try proxy()
        defer { proxy.stop() }
        try sandbox.uploadContent("app.v1.tar.gz", content(47))
        proxy.cutNext(afterBody: 20)
        _ = try #require(throws: DeviceClientError.self) {
            try client(proxy.url).download("app.v1.tar.gz", into: folder("app"), configure: once)
        }
        let new = content(size, seed: 5)
        try sandbox.uploadContent("app.v1.tar.gz", new)
        let outcome = try client(proxy.url).download("app.v1.tar.gz", into: folder("app"), configure: once)
        #expect(folder.bytes("app") == new)
        #expect(outcome.sha256 == SHA256.hex(of: new))
        #expect(try downloads().last?.sentByteCount == Int64(size))
    }

    @Test("a token refused in the middle of a download is renewed, and no byte is fetched twice")
    func withdrawnDuringDownload() throws {
        let proxy = try proxy()
        defer { proxy.stop() }
        let bytes = content(47)
        try sandbox.uploadContent("app.v1.tar.gz", bytes)
        let client = try client(proxy.url)
        proxy.cutNext(afterBody: 20)
        var isFirst = true
        let outcome = try client.download(
            "app.v1.tar.gz", into: folder("app"),
            configure: { request in
                request.retry.base = .zero
                request.retry.cap = .zero
            }
        ) { event in
            guard case .retrying = event, isFirst else { return }
            isFirst = false
            try? sandbox.deleteDevice(device)
            try? sandbox.addDevice(device)
        }
        #expect(folder.bytes("app") == bytes)
        #expect(outcome.resumedByteCount == 20)
        #expect(try downloads().map(\.status) == [200, 401, 206])
    }
}
