import DeviceClient
import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// Every call whose answer is used, against every way in which the stand-in spoils one. What is spoilt is an error, and
/// nothing of it is kept or handed on.
@Suite("Spoilt answers") struct AnswerFaultTests {
    let fixture: SandboxFixture
    let device = "00:11:22:33:44:55"
    var sandbox: SandboxServer { fixture.server }
    var folder: TemporaryFolder { fixture.folder }
    private static let answerByteLimit: Int64 = 64 << 10

    init() throws { fixture = try SandboxFixture(id: device) }

    private func client(_ identity: String, _ token: String) throws -> DeviceClient {
        var configuration = DeviceClient.Configuration(
            product: sandbox.product, cloudURL: sandbox.url, identity: identity)
        configuration.answerByteLimit = AnswerFaultTests.answerByteLimit
        configuration.timeout = .seconds(30)
        return try DeviceClient(configuration: configuration, tokens: TokenStore(path: folder(token)))
    }

    private static let values = ["a": "first value", "b": "second, longer value"]

    private struct Row {
        var name: String
        var calls: Set<Fault.Call>
        /// Makes the call; what it returns, as text.
        var call: (DeviceClient) throws -> String
        /// What it returns when nothing is wrong.
        var sound: (String) -> Bool
        /// Without a body nothing can be spoilt.
        var hasBody = true
        /// What a cut that cannot be told from a whole answer may look like.
        var mayPass: (String) -> Bool = { _ in false }
    }

    private func text(_ values: [String: String]) -> String {
        values.keys.sorted().map { "\($0)=\(values[$0] ?? "")" }.joined(separator: "&")
    }

    private var rows: [Row] {
        let whole = text(AnswerFaultTests.values)
        let point = RecordPoint(alias: "r", timestamp: 1_700_000_000, value: "1")
        let isPart = { (found: String) in whole.hasPrefix(found) && found != whole }
        return [
            Row(
                name: "read", calls: [.read], call: { text(try $0.read(["a", "b"])) }, sound: { $0 == whole },
                mayPass: isPart),
            Row(
                name: "write and read", calls: [.exchange],
                call: { text(try $0.writeAndRead([("c", "1")], reading: ["a", "b"])) }, sound: { $0 == whole },
                mayPass: isPart),
            Row(
                name: "long poll", calls: [.poll],
                call: { client in
                    guard case .changed(let values, _) = try client.longPoll("a", timeout: .seconds(5), since: "0")
                    else {
                        return ""
                    }
                    return text(values)
                }, sound: { $0 == "a=first value" },
                mayPass: { !$0.isEmpty && $0 != "a=first value" && "a=first value".hasPrefix($0) }),
            Row(
                name: "write", calls: [.write],
                call: {
                    try $0.write([("c", "1")])
                    return ""
                }, sound: { $0.isEmpty }, hasBody: false),
            Row(
                name: "record", calls: [.record],
                call: { client in
                    switch try client.record([point]) {
                    case .accepted: return "accepted"
                    // From the second time on: 409, with a body.
                    case .conflicts(let conflicts): return "\(conflicts)"
                    }
                }, sound: { ["accepted", #"["r": [1700000000]]"#].contains($0) }),
            Row(name: "timestamp", calls: [.timestamp], call: { "\(try $0.timestamp())" }, sound: { $0.count == 10 }),
            Row(
                name: "content list", calls: [.contents],
                call: { try $0.contentList().sorted().joined(separator: "|") },
                sound: { $0 == "app.v1.tar.gz|app.v2.tar.gz|other.v1.tar.gz" }),
            Row(
                name: "content info", calls: [.info],
                call: { client in
                    let info = try client.contentInfo("app.v1.tar.gz")
                    return "\(info.type) \(info.byteCount) \(info.updated > 1_700_000_000)"
                }, sound: { $0 == "application/gzip 3000 true" }),
        ]
    }

    private static let faults: [(name: String, kind: Fault.Kind)] = [
        ("captive portal", .captivePortal), ("garbage", .garbage), ("cut", .cut(afterByteCount: 3)), ("short", .short),
        ("huge", .huge(byteCount: 200_000)), ("huge, within the limit", .huge(byteCount: 30_000)),
    ]

    @Test("every call and every fault: an error, never a value; and the next answer is good again")
    func table() throws {
        for name in ["app.v1.tar.gz", "app.v2.tar.gz", "other.v1.tar.gz"] {
            try sandbox.uploadContent(name, [UInt8](repeating: 1, count: 3_000))
        }
        let client = try client(device, "token")
        for (name, value) in AnswerFaultTests.values { try client.write(name, value) }
        var table = ["call | " + AnswerFaultTests.faults.map(\.name).joined(separator: " | ")]
        for row in rows {
            #expect(try row.sound(row.call(client)), "\(row.name)")
            var cells: [String] = []
            for fault in AnswerFaultTests.faults {
                let what = "\(row.name), \(fault.name)"
                sandbox.addFault(Fault(fault.kind, on: row.calls))
                let isCut = fault.name == "cut" || fault.name == "short"
                do {
                    let found = try row.call(client)
                    if !row.hasBody, isCut || fault.name == "garbage" {
                        #expect(row.sound(found), "\(what): \(found)")
                        cells.append("nothing to spoil")
                    } else {
                        #expect(fault.name == "short" && row.mayPass(found), "\(what): \(found)")
                        cells.append("looks whole")
                    }
                } catch let error as DeviceClientError {
                    let isTold = error.transfer?.kind == .tooLarge || !error.isPermanent
                    #expect(isTold && error.kind != .notAuthorised, "\(what): \(error)")
                    cells.append("\(error.kind)")
                }
                sandbox.clearFaults()
                #expect(try row.sound(row.call(client)), "after \(what)")
            }
            table.append(([row.name] + cells).joined(separator: " | "))
        }
        print(table.joined(separator: "\n"))
    }

    @Test("no spoilt activation leaves a token", arguments: faults.map(\.name))
    func activation(name: String) throws {
        let fault = try #require(AnswerFaultTests.faults.first { $0.name == name })
        sandbox.addFault(Fault(fault.kind, on: [.activate]))
        let client = try client(device, "new")
        let error = try #require(throws: DeviceClientError.self) { try client.activate() }
        #expect(error.transfer?.kind == .tooLarge || !error.isPermanent, "\(error)")
        #expect(folder.names == ["cloud"])
        #expect(try !client.isActivated())
    }

    @Test("no spoilt download becomes a file", arguments: faults.map(\.name))
    func download(name: String) throws {
        let fault = try #require(AnswerFaultTests.faults.first { $0.name == name })
        let bytes = (0..<3_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try sandbox.uploadContent("app.v1.tar.gz", bytes)
        let client = try client(device, "token")
        sandbox.addFault(Fault(fault.kind, on: [.download]))
        let once = { (request: inout DownloadRequest) in
            request.retry.maximumAttempts = 1
            request.retry.base = .zero
        }
        _ = try #require(throws: DeviceClientError.self) {
            try client.download("app.v1.tar.gz", into: folder("app"), configure: once)
        }
        #expect(folder.bytes("app") == nil)
        sandbox.clearFaults()
        _ = try client.download("app.v1.tar.gz", into: folder("app"), configure: once)
        #expect(folder.bytes("app") == bytes)
    }

    @Test(
        "a cut number, an empty 200 and a cut list do not pass",
        arguments: ["1", "179349", "179349120", "", "-1793491200"])
    func numbers(text: String) throws {
        let cloud = try ScriptedCloud { request, _ in
            if request.path == "/timestamp" { return .init(status: 200, text: text) }
            let isInfo = request.query?.contains("info=true") == true
            if isInfo {
                return .init(status: request.query?.contains("id=app.v1&") == true ? 200 : 400, text: "t,1,1793491200,")
            }
            if request.path == "/provision/download" { return .init(status: 200, text: "app.v1\r\napp.v") }
            return .init(status: 200, text: "")
        }
        defer { cloud.stop() }
        try folder.write("token", tokenText("old").utf8)
        let client = try cloud.client(folder)
        func kind(_ call: () throws -> Void) -> DeviceClientError.Kind? {
            (#expect(throws: DeviceClientError.self, performing: call))?.kind
        }
        #expect(kind { _ = try client.timestamp() } == .captivePortal)
        #expect(kind { _ = try client.read(["a"]) } == .captivePortal)
        #expect(kind { _ = try client.contentList() } == .captivePortal)
        #expect(try client.contentInfo("app.v1").updated == 1_793_491_200)
        try client.write("a", "1")
    }
}
