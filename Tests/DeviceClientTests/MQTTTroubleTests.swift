import DeviceClient
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// The MQTT device client with a cloud that misbehaves, goes away, or asks for certificates.
@Suite("MQTT device client in trouble")
struct MQTTTroubleTests {
    struct Trouble: Sendable, CustomTestStringConvertible {
        var kind: Fault.Kind
        var call: Fault.Call
        var expected: DeviceClientError.Kind
        var isUnreachable: Bool
        var words: String
        var testDescription: String { "\(kind) on \(call.rawValue)" }
    }

    private static let troubles: [Trouble] = [
        Trouble(
            kind: .slow(seconds: 60), call: .connect, expected: .retryLater, isUnreachable: true,
            words: "the server does not answer"),
        Trouble(
            kind: .silent, call: .connect, expected: .retryLater, isUnreachable: true,
            words: "the server does not answer"),
        Trouble(
            kind: .cut(afterByteCount: 0), call: .connect, expected: .retryLater, isUnreachable: true,
            words: "the connection"),
        Trouble(
            kind: .cut(afterByteCount: 2), call: .connect, expected: .retryLater, isUnreachable: true,
            words: "the connection"),
        Trouble(
            kind: .garbage, call: .connect, expected: .retryLater, isUnreachable: true, words: "protocol error"),
        Trouble(
            kind: .captivePortal, call: .connect, expected: .retryLater, isUnreachable: true, words: "protocol error"),
        Trouble(
            kind: .refuse(code: 1), call: .connect, expected: .permanent, isUnreachable: false,
            words: "it does not speak MQTT 3.1.1 (1)"),
        Trouble(
            kind: .refuse(code: 2), call: .connect, expected: .notAuthorised, isUnreachable: false,
            words: "it does not accept the client identifier (2)"),
        Trouble(
            kind: .refuse(code: 3), call: .connect, expected: .retryLater, isUnreachable: true,
            words: "it is not available (3)"),
        Trouble(
            kind: .refuse(code: 4), call: .connect, expected: .notAuthorised, isUnreachable: false,
            words: "wrong user name or password (4)"),
        Trouble(
            kind: .refuse(code: 5), call: .connect, expected: .notAuthorised, isUnreachable: false,
            words: "not authorised (5)"),
        Trouble(
            kind: .slow(seconds: 60), call: .write, expected: .retryLater, isUnreachable: true,
            words: "the server has not acknowledged it in 2 s"),
        Trouble(
            kind: .silent, call: .write, expected: .retryLater, isUnreachable: true,
            words: "the server has not acknowledged it in 2 s"),
        Trouble(
            kind: .cut(afterByteCount: 0), call: .write, expected: .retryLater, isUnreachable: true,
            words: "the connection"),
        Trouble(
            kind: .garbage, call: .write, expected: .retryLater, isUnreachable: true, words: "protocol error"),
        Trouble(
            kind: .answer(status: 503, retryAfter: nil), call: .write, expected: .retryLater, isUnreachable: true,
            words: "the connection"),
    ]

    @Test("each fault has its class and its words, and after it the same client goes on", arguments: troubles)
    func faults(trouble: Trouble) throws {
        let cloud = try MQTTCloud(hasTLS: false)
        var configuration = cloud.configuration()
        // The token is kept, and no fault makes the client ask for another one.
        try cloud.client(configuration).activate()
        configuration.device.mayActivate = false
        let isQuiet = trouble.words.contains("acknowledged") || trouble.words.contains("answer")
        configuration.device.timeout = .seconds(isQuiet ? 2 : 30)
        let client = cloud.client(configuration)
        defer { client.close() }
        if trouble.call == .write {
            let isConnected = eventually { (try? client.connect()) != nil }
            #expect(isConnected)
        }
        cloud.sandbox.addFault(Fault(trouble.kind, on: [trouble.call], times: 1))
        let error = try #require(throws: DeviceClientError.self) {
            if trouble.call == .connect { try client.connect() } else { try client.publish("a", "1") }
        }
        #expect(error.kind == trouble.expected && error.isUnreachable == trouble.isUnreachable, "\(error)")
        #expect(error.description.contains(trouble.words), "\(error)")
        cloud.sandbox.clearFaults()
        var calmer = configuration
        calmer.device.timeout = .seconds(30)
        let next = isQuiet ? cloud.client(calmer) : client
        defer { next.close() }
        #expect(
            eventually {
                do {
                    try next.connect()
                    try next.publish("a", "2")
                    return true
                } catch {
                    return false
                }
            })
        #expect(try cloud.sandbox.read(MQTTCloud.device, "a")?.reported == "2")
    }

    @Test("a client certificate logs in over mqtts, without a token, and the certificate of a stranger does not")
    func certificates() throws {
        let cloud = try MQTTCloud()
        func configuration(_ name: String) throws -> MQTTDeviceClient.Configuration {
            var configuration = cloud.configuration(isTLS: true, identity: name)
            configuration.device.usesToken = false
            let certificate = try cloud.fixture.certificate(name)
            configuration.device.transfer.clientCertificate = certificate.path
            configuration.device.transfer.clientKey = certificate.keyPath
            return configuration
        }
        let client = try cloud.client(configuration("device"))
        defer { client.close() }
        try client.connect()
        try client.publish("a", "1")
        #expect(try cloud.sandbox.read(MQTTCloud.device, "a")?.reported == "1")
        #expect(try cloud.sandbox.token(of: MQTTCloud.device) == nil)
        let error = try #require(throws: DeviceClientError.self) {
            try cloud.client(configuration("stranger")).connect()
        }
        #expect(error.kind == .notAuthorised && error.reason.contains("not authorised (5)"), "\(error)")
    }

    @Test("over mqtts, all that was set while the device was away comes at once, and in one piece with the consent")
    func missed() throws {
        let cloud = try MQTTCloud()
        let count = 60
        for number in 1...count {
            try cloud.sandbox.write(MQTTCloud.device, "s\(number)", "\(number) " + String(repeating: "x", count: 999))
        }
        let heard = Monitor<Set<String>>([])
        let client = cloud.client(cloud.configuration(isTLS: true)) { set in
            heard.update { _ = $0.insert(set.alias + " " + set.value.prefix { $0 != " " }) }
            return .echo
        }
        defer { client.close() }
        try client.connect()
        let all = Set((1...count).map { "s\($0) \($0)" })
        let isWhole = heard.wait(atMost: .seconds(30)) { $0 == all ? true : nil } == true
        #expect(isWhole, "\(all.subtracting(heard.look { $0 }))")
        #expect(
            try eventually {
                try cloud.sandbox.resources(of: MQTTCloud.device).values.filter { $0.reported != nil }.count == count
            })
    }

    @Test("the server comes back at the same port: connected again, and what was set meanwhile has come")
    func restart() throws {
        let cloud = try MQTTCloud(hasTLS: false)
        let heard = Monitor<[String]>([])
        let states = Monitor<[String]>([])
        let client = cloud.client(cloud.configuration()) { set in
            heard.update { $0.append(set.value) }
            return .echo
        }
        let thread = try BackgroundThread("watch") {
            client.stayConnected(
                changed: { error in states.update { $0.append(error == nil ? "up" : "down") } },
                pause: { _, _ in .milliseconds(20) })
        }
        defer {
            client.close()
            thread.join()
        }
        func wait(_ expected: [String]) -> Bool {
            states.wait(atMost: .seconds(30)) { states in
                // However many attempts fail in between.
                var short = states
                for index in short.indices.dropFirst().reversed() where short[index] == short[index - 1] {
                    short.remove(at: index)
                }
                return short == expected ? true : nil
            } == true
        }
        #expect(wait(["up"]))
        try cloud.sandbox.write(MQTTCloud.device, "s", "1")
        #expect(heard.wait(atMost: .seconds(30)) { $0 == ["1"] ? true : nil } == true)
        #expect(try eventually { try cloud.sandbox.read(MQTTCloud.device, "s")?.reported == "1" })
        cloud.sandbox.stop()
        #expect(wait(["up", "down"]))
        try cloud.sandbox.write(MQTTCloud.device, "s", "2")
        try cloud.fixture.restart()
        #expect(wait(["up", "down", "up"]))
        #expect(heard.wait(atMost: .seconds(30)) { $0 == ["1", "2"] ? true : nil } == true)
        #expect(try eventually { try cloud.sandbox.read(MQTTCloud.device, "s")?.reported == "2" })
    }

    /// Debian's mosquitto on 127.0.0.1; without a configuration it lets everybody in.
    private func mosquitto(_ port: UInt16) throws -> TestProcess {
        try TestProcess("/usr/sbin/mosquitto", ["-p", "\(port)"])
    }

    @Test("mosquitto is killed and started again, over and over: connected each time, and no descriptor is left")
    func descriptors() throws {
        let cloud = try MQTTCloud(hasTLS: false)
        let port = try #require(cloud.sandbox.mqttPort)
        var configuration = cloud.configuration()
        try cloud.client(configuration).activate()
        configuration.device.mayActivate = false
        cloud.sandbox.stop()
        var broker = try mosquitto(port)
        defer { broker.kill() }
        let (settings, tokens) = (configuration, cloud.folder("token"))
        let counts = Monitor<[Int]>([])
        let orders = Monitor<Int>(0)
        // A thread with descriptors of its own, which it hands down to the client's: nobody else's are counted.
        let thread = try BackgroundThread("reconnect") {
            guard DescriptorTable.leave() else { return counts.update { $0 = [-1] } }
            for round in 0..<50 {
                let client = MQTTDeviceClient(configuration: settings, tokens: TokenStore(path: tokens))
                let isUp = eventually { (try? client.connect()) != nil }
                if isUp { try? client.publish("a", "1") }
                // Every tenth is ended by the server's death.
                if round % 10 == 9 {
                    orders.update { $0 += 1 }
                    _ = client.waitForLoss(until: .now + .seconds(30))
                }
                client.close()
                let isConnected = isUp ? 0 : 1000
                let count = DescriptorTable.count(whenAtMost: counts.look(\.first) ?? 0)
                counts.update { $0.append(count + isConnected) }
            }
        }
        for order in 1...5 {
            #expect(orders.wait(atMost: .seconds(60)) { $0 >= order ? true : nil } == true)
            broker.kill()
            broker = try mosquitto(port)
        }
        thread.join()
        let all = counts.look { $0 }
        // What libraries keep open is there after the first.
        #expect(all.count == 50 && all[0] < 100 && all.allSatisfy { $0 <= all[0] }, "\(all)")
    }
}

/// The calling thread's own table of descriptors.
private enum DescriptorTable {
    /// close_range(2) with CLOSE_RANGE_UNSHARE: the thread gets an empty table, beside its standard streams. Threads that
    /// it starts share it.
    static func leave() -> Bool {
        typealias Call = @convention(c) (UInt32, UInt32, Int32) -> Int32
        guard let symbol = dlsym(nil, "close_range") else { return false }
        return unsafeBitCast(symbol, to: Call.self)(3, .max, 2) == 0
    }

    /// How many there are. Waits for those that a client's thread still holds for a moment, but not for ever.
    static func count(whenAtMost expected: Int) -> Int {
        _ = eventually(within: .seconds(5)) { now <= expected }
        return now
    }

    private static var now: Int { (3..<1024).filter { fcntl(Int32($0), F_GETFD) >= 0 }.count }
}
