import DeviceClient
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// Murano's MQTT device API, with the sandbox as the cloud.
@Suite("MQTT device client and sandbox")
struct MQTTDeviceClientTests {
    let fixture: SandboxFixture
    let device = "00:11:22:33:44:55"
    var sandbox: SandboxServer { fixture.server }
    var folder: TemporaryFolder { fixture.folder }

    init() throws { fixture = try SandboxFixture(id: device, password: "own password", hasMQTT: true) }

    final class Inbox: Sendable {
        let sets = Monitor<[ResourceSet]>([])
        let records = Monitor<[UsageRecord]>([])
        let reply: MQTTDeviceClient.Reply
        init(_ reply: MQTTDeviceClient.Reply = .echo) { self.reply = reply }

        func values(_ count: Int) -> [String]? {
            sets.wait(atMost: .seconds(20)) { $0.count >= count ? $0.map { "\($0.alias)=\($0.value)" } : nil }
        }
    }

    private func client(
        _ inbox: Inbox = Inbox(), identity: String? = nil,
        _ change: (inout MQTTDeviceClient.Configuration) -> Void = { _ in }
    ) throws -> MQTTDeviceClient {
        let port = try #require(sandbox.mqttPort)
        var configuration = MQTTDeviceClient.Configuration(
            DeviceClient.Configuration(product: sandbox.product, identity: identity ?? device))
        configuration.cloudURL = "mqtt://127.0.0.1:\(port)/"
        configuration.device.timeout = .seconds(20)
        change(&configuration)
        return MQTTDeviceClient(
            configuration: configuration, tokens: TokenStore(path: folder("token-" + configuration.device.identity)),
            meter: { record in inbox.records.update { $0.append(record) } },
            handler: { set in
                inbox.sets.update { $0.append(set) }
                return inbox.reply
            })
    }

    private func reported(_ alias: String) throws -> String? { try sandbox.read(device, alias)?.reported }

    @Test("connecting activates once, keeps the token durably, and logs in with it")
    func activation() throws {
        let first = try client()
        try first.connect()
        #expect(first.isConnected)
        let token = try #require(try sandbox.token(of: device))
        #expect(try first.tokens.load()?.token.secret == token)
        first.close()
        let second = try client()
        try second.connect()
        #expect(try sandbox.requestLog().filter { $0.path.hasPrefix("$provision") }.count == 1)
        second.close()
        let again = try #require(throws: DeviceClientError.self) { try client().activate() }
        #expect(again.kind == .alreadyActivated && (again.retryAfter ?? .zero) >= .seconds(3600))
        let unknown = try #require(throws: DeviceClientError.self) { try client(identity: "nobody").connect() }
        #expect(unknown.kind == .alreadyActivated && unknown.description.contains("no such device"))
    }

    @Test("a refused token is replaced by activating once more, or tells that this is not permitted")
    func refusal() throws {
        let stale = try #require(DeviceToken(String(repeating: "f", count: 40)))
        let forbidden = try client { configuration in
            configuration.device.token = stale
            configuration.device.mayActivate = false
        }
        let error = try #require(throws: DeviceClientError.self) { try forbidden.connect() }
        #expect(error.kind == .notAuthorised && !error.description.contains("ffff"))
        let fresh = try client { $0.device.token = stale }
        try fresh.connect()
        #expect(try fresh.tokens.load()?.token.secret == sandbox.token(of: device))
        let own = try client { $0.password = "own password" }
        try own.connect()
        try own.publish("a", "1")
        let wrong = try client { $0.password = "another" }
        #expect(try #require(throws: DeviceClientError.self) { try wrong.connect() }.kind == .notAuthorised)
    }

    @Test("published values, batches of records and both qualities arrive")
    func publish() throws {
        let client = try client()
        try client.connect()
        try client.publish("temperature", "21.5 ü")
        #expect(try reported("temperature") == "21.5 ü")
        try client.publish("quick", "1", qualityOfService: .atMostOnce)
        try client.record([
            RecordPoint(alias: "r", timestamp: 1000, value: "5"), RecordPoint(alias: "s", timestamp: 1000, value: "6"),
            RecordPoint(alias: "r", timestamp: 1002, value: "7"),
        ])
        // The batch was acknowledged, and what was sent before it is there too.
        #expect(try reported("quick") == "1")
        #expect(try sandbox.records(device, "r").map(\.value) == ["5", "7"])
        #expect(try sandbox.records(device, "s").map(\.timestamp) == [1_000_000_000])
        for alias in ["", "a/b", "a+", "#"] {
            let error = try #require(throws: DeviceClientError.self) { try client.publish(alias, "x") }
            #expect(error.isPermanent)
        }
        let large = String(repeating: "x", count: MQTTMessage.byteLimit + 1)
        #expect(try #require(throws: DeviceClientError.self) { try client.publish("a", large) }.isPermanent)
        #expect(client.isConnected)
    }

    @Test("what the cloud sets arrives, is echoed back, and what was missed comes at the next connect")
    func sets() throws {
        let inbox = Inbox()
        let first = try client(inbox)
        try first.connect()
        try sandbox.write(device, "setpoint", "20")
        #expect(inbox.values(1) == ["setpoint=20"])
        let set = try #require(inbox.sets.look { $0.first })
        #expect((set.timestamp ?? 0) > 1_500_000_000_000_000)
        #expect(eventually { (try? reported("setpoint")) == "20" })
        first.close()
        try sandbox.write(device, "setpoint", "30")
        let silent = Inbox(.nothing)
        let second = try client(silent)
        try second.connect()
        #expect(silent.values(1) == ["setpoint=30"])
        #expect(try reported("setpoint") == "20")
        second.close()
        // Not acknowledged: it comes again.
        let third = try client(silent)
        try third.connect()
        #expect(silent.values(2) == ["setpoint=30", "setpoint=30"])
        try third.acknowledge(#require(silent.sets.look { $0.last }))
        #expect(try reported("setpoint") == "30")
    }

    @Test("a lost connection is made again, by the caller's policy, and misses nothing")
    func reconnecting() throws {
        let inbox = Inbox()
        let client = try client(inbox)
        let states = Monitor<[String]>([])
        let thread = try BackgroundThread("watch") {
            client.stayConnected(
                changed: { error in states.update { $0.append(error == nil ? "up" : "down") } },
                pause: { _, _ in .milliseconds(20) })
        }
        #expect(states.wait(atMost: .seconds(20)) { $0.contains("up") ? true : nil } == true)
        sandbox.stop()
        #expect(states.wait(atMost: .seconds(20)) { $0.contains("down") ? true : nil } == true)
        try sandbox.write(device, "engine_fetch", "{}")
        client.close()
        thread.join()
        #expect(!client.isConnected)
    }

    @Test("every call is counted, and the bytes together are those of the wire")
    func metering() throws {
        let inbox = Inbox(.nothing)
        let client = try client(inbox)
        try client.connect()
        try client.publish("a", String(repeating: "x", count: 5000))
        try client.record([RecordPoint(alias: "r", timestamp: 1, value: "1")])
        try sandbox.write(device, "s", "y")
        #expect(inbox.values(1) == ["s=y"])
        client.close()
        let records = inbox.records.look { $0 }
        func count(_ method: UsageRecord.Method) -> Int {
            records.filter { $0.method == method }.reduce(0) { $0 + $1.count }
        }
        #expect(count(.activate) == 1 && count(.publish) == 1 && count(.record) == 1)
        // The connection, and the value that came.
        #expect(count(.subscribe) == 2)
        #expect(records.allSatisfy { $0.interface == "lo" && $0.identity == device && $0.sentByteCount >= 0 })
        let published = records.filter { $0.method == .publish }.reduce(0) { $0 + $1.sentByteCount }
        #expect((5000...5100).contains(published), "\(published)")
    }
}
