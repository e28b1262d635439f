import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// Any byte of an MQTT server, well-formed or not: no command ends by a signal, hangs, is silent about its failure, or
/// writes a control character to a terminal; no daemon goes.
@Suite("Bytes of brokers") struct ForeignBrokerTests {
    private struct Hostile {
        var random = SystemRandomNumberGenerator()

        mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

        mutating func bytes(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in
                below(5) < 2
                    ? ForeignBytesTests.special.randomElement(using: &random) ?? 0
                    : UInt8.random(in: 0...255, using: &random)
            }
        }

        static func length(_ count: Int) -> [UInt8] {
            var (rest, out) = (count, [UInt8]())
            repeat {
                out.append(UInt8(rest % 128) | (rest >= 128 ? 128 : 0))
                rest /= 128
            } while rest > 0
            return out
        }

        static func publish(
            _ topic: [UInt8], _ payload: [UInt8], quality: UInt8 = 0, number: UInt8 = 1, topicLength: Int? = nil
        ) -> [UInt8] {
            let count = topicLength ?? topic.count
            let body =
                [UInt8(count >> 8), UInt8(count & 255)] + topic + (quality > 0 ? [0, number] : []) + payload
            return [0x30 | quality << 1] + length(body.count) + body
        }

        mutating func topic() -> [UInt8] {
            switch below(10) {
            case 0: Array("$resource/".utf8) + bytes(1 + below(40))
            case 1: Array("$resource/a/".utf8) + bytes(1 + below(10))
            case 2: []
            case 3: Array("$resource/".utf8) + Array(repeating: 120, count: 60_000)
            case 4: Array("$resource/\u{1B}]0;owned\u{7}/1".utf8)
            case 5: Array("$resource/engine_fetch/99999999999999999999999".utf8)
            case 6: Array("#/+".utf8)
            case 7: bytes(20)
            case 8: Array("$resource/a\0b/5".utf8)
            default: Array("$resource/temperature/1511380800000000".utf8)
            }
        }

        mutating func payload() -> [UInt8] {
            switch below(6) {
            case 0: []
            case 1: Array("\u{1B}[2J\u{1B}]0;x\u{7}".utf8)
            case 2: bytes(below(300))
            case 3: [0xFF, 0xFE, 0]
            case 4: Array("a\nb\rc".utf8)
            default: Array("30".utf8)
            }
        }

        private mutating func packet() -> [UInt8] {
            switch below(10) {
            case 0: [UInt8(below(16)) << 4 | UInt8(below(16))] + Hostile.length(below(6)) + bytes(4)
            case 1: [0x40, 2] + bytes(2)
            case 2: [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
            case 3: [0x30, 0xFF, 0xFF, 0xFF, 0x7F] + bytes(50)
            case 4: [[UInt8]](repeating: [0xD0, 0], count: 1 + below(200)).flatMap(\.self)
            case 5: Hostile.publish(topic(), payload(), topicLength: 65_535)
            default:
                Hostile.publish(topic(), payload(), quality: UInt8(below(4)), number: UInt8(below(3)))
            }
        }

        /// What comes after CONNECT.
        mutating func answer() -> [UInt8] {
            switch below(8) {
            case 0: return bytes(below(2_000))
            case 1: return Array("HTTP/1.1 400 Bad Request\r\n\r\n<html>\u{1B}[31m".utf8)
            case 2: return [0x20, 2] + bytes(2)
            case 3: return [0x20] + bytes(below(4))
            default: break
            }
            var answer: [UInt8] = [0x20, 2, 0, 0]
            for _ in 0..<below(6) { answer += packet() }
            if below(3) == 0 { answer[below(answer.count)] = UInt8.random(in: 0...255, using: &random) }
            return answer
        }
    }

    /// Answers the first bytes of each connection with its own, and may acknowledge what comes next.
    private final class Broker: Sendable {
        let port: UInt16
        private let listener: Int32

        init(host: String = "127.0.0.1", port: UInt16 = 0, answer: [UInt8], acknowledges: Bool, stays: Bool) throws {
            let (listener, port) = try Loopback.listen(host: host, port: port)
            (self.listener, self.port) = (listener, port)
            Thread.detachNewThread {
                while true {
                    let socket = accept(listener, nil, nil)
                    guard socket >= 0 else { return }
                    _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
                    var patience = timeval(tv_sec: 20, tv_usec: 0)
                    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
                    var buffer = [UInt8](repeating: 0, count: 4_096)
                    if recv(socket, &buffer, buffer.count, 0) > 0, Loopback.send(answer, to: socket) {
                        if acknowledges, recv(socket, &buffer, buffer.count, 0) > 0 {
                            Loopback.send([0x40, 2, 0, 1], to: socket)
                        }
                        while stays, recv(socket, &buffer, buffer.count, 0) > 0 {}
                    }
                    close(socket)
                }
            }
        }

        /// Ends the thread, too: accept(2) fails on what is shut down.
        func stop() {
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
        }
    }

    /// What follows CONNECT, and what becomes of `publish`, whose acknowledgement never comes, and of `subscribe`.
    struct Reported: Sendable, CustomTestStringConvertible {
        var report: String
        var answer: [UInt8]
        var publish: String
        /// nil where the connection stays.
        var subscribe: String?
        var testDescription: String { report }

        init(_ report: String, _ answer: [UInt8], _ publish: String, _ subscribe: String? = nil) {
            (self.report, self.answer, self.publish, self.subscribe) = (report, answer, publish, subscribe)
        }

        private static let consent: [UInt8] = [0x20, 2, 0, 0]
        private static let silence = "the server has not acknowledged it in 1 s"
        private static let protocolError = "a network protocol error occurred"

        private static func topic(_ name: [UInt8]) -> [UInt8] {
            consent + Hostile.publish(Array("$resource/".utf8) + name + Array("/1".utf8), [120])
        }

        static let all: [Reported] = [
            .init("eclipse-paho/paho.mqtt.golang#786, wolfSSL/wolfMQTT#603", [0x20, 3, 0, 0, 0], silence),
            .init("hsaturn/TinyMqtt#41", [0x20, 0x82, 0, 0, 0], silence),
            .init("eclipse-paho/paho.mqtt.c#1543", [0x20, 1, 0], protocolError, protocolError),
            .init("emqx/CocoaMQTT#109", [0x20, 2, 0, 6], protocolError, protocolError),
            .init("wolfSSL/wolfMQTT#515", consent + [0xD0, 1, 0], silence),
            .init(
                "eclipse-mosquitto/mosquitto#2163", consent + [0x21, 0, 0x14, 0, 0, 0x29, 2, 0, 1, 0xE0, 0],
                protocolError, protocolError),
            .init(
                "eclipse-mosquitto/mosquitto#2168, #1144, eclipse-paho/paho.mqtt.java#905", topic([0xFF]),
                "malformed UTF-8", "malformed UTF-8"),
            .init(
                "eclipse-mosquitto/mosquitto#693, LabVIEW-Open-Source/LV-MQTT-Broker#140", topic([97, 0, 98]),
                "malformed UTF-8", "malformed UTF-8"),
            .init("rweilbacher/MQTT.jl#13, njh/ruby-mqtt#158", consent + [0x40, 2, 0x12, 0x34], silence),
            .init("mqttjs/MQTT.js#415, eclipse-mosquitto/mosquitto#918", consent + [0x62, 2, 0, 0xF4], silence),
            .init("eclipse-mosquitto/mosquitto#3600", consent + [0x90, 3, 0x12, 0x34, 0], silence),
            .init("mqttjs/MQTT.js#1792", consent + [0x4F, 2, 0x12, 0x34], silence),
            .init("dotnet/MQTTnet#88", consent + [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], protocolError, protocolError),
            .init(
                "adafruit/Adafruit_CircuitPython_MiniMQTT#115, knolleary/pubsubclient#992", [],
                "the server does not answer", "the server does not answer"),
            .init("redboltz/mqtt_cpp#791, adafruit/Adafruit_CircuitPython_MiniMQTT#110", consent, silence),
        ]
    }

    @Test("answers that hurt other clients, by their reports", arguments: Reported.all)
    func reported(_ reported: Reported) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let gdc = try gdc(gateway)
        let broker = try Broker(answer: reported.answer, acknowledges: false, stays: true)
        defer { broker.stop() }
        func run(_ words: String...) throws -> Ran {
            try TestProcess(
                gdc, ["-t", "1", "-u", "dev-1", "-H", "mqtt://127.0.0.1:\(broker.port)/", "mqtt"] + words,
                environment: gateway.variables.merging(ForeignBrokerTests.token) { $1 },
                scratch: gateway.root + "/scratch"
            ).wait()
        }
        let publish = try run("publish", "a", "1")
        #expect(publish.code == 69 && publish.out.isEmpty && publish.err.contains(reported.publish), "\(publish)")
        let subscribe = try run("subscribe", "--disconnect-after", "0.5")
        #expect(subscribe.code == (reported.subscribe == nil ? 0 : 69) && subscribe.out.isEmpty, "\(subscribe)")
        let isTold = reported.subscribe.map { subscribe.err.contains($0) } ?? subscribe.err.isEmpty
        #expect(isTold, "\(subscribe)")
    }

    private static let token = ["GDC_TOKEN": String(repeating: "f", count: 40)]

    private func gdc(_ gateway: GatewayFixture) throws -> String {
        let path = gateway.root + "/gdc"
        try #require(symlink("\(Repository.products)/gwe", path) == 0)
        return path
    }

    @Test("gdc mqtt, eighty answers of a broker", .timeLimit(.minutes(5)))
    func commands() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let gdc = try gdc(gateway)
        var hostile = Hostile()
        let verbs = [
            "publish a 1", "subscribe --disconnect-after 0.2", "activate", "pubsub x --disconnect-after 0.2 </dev/null",
        ]
        for number in 0..<80 {
            let answer = hostile.answer()
            let broker = try Broker(answer: answer, acknowledges: hostile.below(3) == 0, stays: hostile.below(3) == 0)
            defer { broker.stop() }
            let command = "\(gdc) -t 1 -u dev-1 -H mqtt://127.0.0.1:\(broker.port)/ mqtt \(verbs[number % 4])"
            let ran = try TerminalOutput.run(gateway, command, more: ForeignBrokerTests.token)
            let text = "\(command): \(answer.prefix(300)): \(ran)"
            #expect([0, 1, 65, 69, 76, 77].contains(ran.code), "\(text)")
            #expect(ran.code == 0 || !ran.out.isEmpty, "\(text)")
            #expect(TerminalOutput.unsafe(ran.out) == [], "\(text)")
            #expect(!ran.out.contains("ffffffff"), "\(text)")
        }
    }

    @Test("a daemon whose cloud sends any name and value by MQTT goes on, and says so in plain letters")
    func daemon() throws {
        let gateway = try GatewayFixture()
        gateway.sandbox.stop()
        let host = CloudWatchMQTTTests.host(4)
        let cloud = try SandboxServer(
            dataFolder: gateway.root + "/cloud", product: GatewayFixture.product, host: host, port: 8085)
        try cloud.startPatiently()
        defer { cloud.stop() }
        try gateway.write(
            "schema: gwe/v1\nproduct: \(GatewayFixture.product)\ncloud: \(cloud.url)\nidentity: \(gateway.id)\n"
                + "transport: mqtt\nupdate_interval: 4h\n", to: gateway.configFolder + "/gateway.yaml")
        var hostile = Hostile()
        var answer: [UInt8] = [0x20, 2, 0, 0]
        for _ in 0..<40 {
            let name = ["engine_fetch", "update_interval", "config_otau", "x"][hostile.below(4)]
            answer += Hostile.publish(
                Array("$resource/\(name)/\(1_511_380_800_000_000 + hostile.below(1_000))".utf8), hostile.payload())
        }
        // libmosquitto ends the connection at the first topic that is not UTF-8.
        for _ in 0..<20 { answer += Hostile.publish(hostile.topic(), hostile.payload()) }
        let broker = try Broker(host: host, port: 1883, answer: answer, acknowledges: false, stays: true)
        defer { broker.stop() }
        let daemon = try gateway.startDaemon()
        defer { gateway.killApps() }
        try gateway.eventually("values were heard of") {
            try cloud.requestLog().filter { $0.path.contains("update_interval&config_otau") }.count > 1
        }
        let status = try TerminalOutput.run(gateway, "\(Repository.products)/gwe status")
        #expect(status.out.contains("0 apps") && TerminalOutput.unsafe(status.out) == [], "\(status)")
        #expect(try gateway.gwe("doctor", "daemon").code == 0)
        #expect(TerminalOutput.unsafe(daemon.err) == [], "\(daemon.err)")
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }
}
