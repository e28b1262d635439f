import Testing

@testable import MuranoSandbox

/// MQTT 3.1.1 on the wire: OASIS Standard, 29 October 2014, sections 2 and 3.
@Suite("MQTT packets") struct MQTTCodecTests {
    static let packets: [MQTTPacket] = [
        .connect(MQTTConnect()),
        .connect(
            MQTTConnect(
                clientID: "é", isClean: false, keepAlive: 65_535,
                will: .init(topic: "w", message: [0, 255], qos: 1, isRetained: true), username: "", password: [0])),
        .connect(MQTTConnect(clientID: "x", username: "only")),
        .connack(hasSession: true, .accepted), .connack(hasSession: false, .notAuthorised),
        .publish(MQTTPublish(topic: "$resource/a")),
        .publish(MQTTPublish(topic: "a", payload: [1, 2], qos: 1, id: 65_535, isDuplicate: true, isRetained: true)),
        .publish(MQTTPublish(topic: "a", payload: [UInt8](repeating: 7, count: 300), qos: 2, id: 1)),
        .puback(id: 1), .pubrec(id: 256), .pubrel(id: 3), .pubcomp(id: 4),
        .subscribe(id: 1, [.init(filter: "a/+/#", qos: 2), .init(filter: "#", qos: 0)]), .suback(id: 1, [0, 1, 0x80]),
        .unsubscribe(id: 9, filters: ["+", "/"]), .unsuback(id: 9), .pingreq, .pingresp, .disconnect,
    ]

    private func decode(_ bytes: [UInt8], byteLimit: Int = 1 << 20) throws -> MQTTPacket? {
        var decoder = MQTTDecoder(byteLimit: byteLimit)
        decoder.append(bytes)
        return try decoder.next()?.packet
    }

    @Test("what is encoded is decoded, whole, in pieces of one byte, and one after the other", arguments: packets)
    func roundTrip(packet: MQTTPacket) throws {
        let bytes = packet.bytes
        #expect(try decode(bytes) == packet)
        var decoder = MQTTDecoder(byteLimit: 1 << 20)
        for byte in (bytes + bytes).dropLast() {
            decoder.append([byte])
            if let (decoded, byteCount) = try decoder.next() {
                #expect(decoded == packet)
                #expect(byteCount == bytes.count)
            }
        }
        #expect(try decoder.next() == nil)
        decoder.append(bytes.suffix(1))
        #expect(try decoder.next()?.packet == packet)
        #expect(try decoder.next() == nil)
    }

    @Test("the bytes are those of the standard's examples")
    func known() throws {
        // Figure 3.6 of section 3.1.2.10, with the client identifier, will, user name and password left out or short.
        let connect: [UInt8] = [0x10, 0x10, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 0xC2, 0, 10, 0, 0, 0, 0, 0, 0]
        #expect(MQTTPacket.connect(MQTTConnect(keepAlive: 10, username: "", password: [])).bytes == connect)
        #expect(
            try decode([0x32, 0x07, 0, 3, 0x61, 0x2F, 0x62, 0, 10])
                == .publish(MQTTPublish(topic: "a/b", qos: 1, id: 10)))
        #expect(
            try decode([0x82, 14, 0, 10, 0, 3, 0x61, 0x2F, 0x62, 1, 0, 3, 0x63, 0x2F, 0x64, 2])
                == .subscribe(id: 10, [.init(filter: "a/b", qos: 1), .init(filter: "c/d", qos: 2)]))
        #expect(MQTTPacket.pingresp.bytes == [0xD0, 0])
    }

    @Test(
        "the remaining length has one to four bytes",
        arguments: [
            (127, 1), (128, 2), (16_383, 2), (16_384, 3),
            (2_097_151, 3), (2_097_152, 4),
        ])
    func lengths(count: Int, fieldCount: Int) throws {
        let packet = MQTTPacket.publish(MQTTPublish(topic: "a", payload: [UInt8](repeating: 1, count: count - 3)))
        let bytes = packet.bytes
        #expect(bytes.count == 1 + fieldCount + count)
        #expect(try decode(bytes, byteLimit: bytes.count) == packet)
        #expect(throws: MQTTProtocolError.self) { try decode(Array(bytes.prefix(5)), byteLimit: bytes.count - 1) }
    }

    @Test("another version of the protocol is told from nonsense")
    func versions() throws {
        let five: [UInt8] = [0x10, 14, 0, 4, 0x4D, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 1, 0x61]
        #expect(try decode(five) == .foreignConnect(level: 5))
        let old: [UInt8] = [0x10, 15, 0, 6, 0x4D, 0x51, 0x49, 0x73, 0x64, 0x70, 3, 2, 0, 60, 0, 1, 0x61]
        #expect(try decode(old) == .foreignConnect(level: 3))
    }

    static let malformedPackets: [(String, [UInt8])] = [
        ("kind 0", [0x00, 0]), ("kind 15", [0xF0, 0]), ("flags", [0xC1, 0]), ("subscribe's flags", [0x80, 2, 0, 1]),
        ("length of five bytes", [0xC0, 0x80, 0x80, 0x80, 0x80, 1]), ("bytes after the end", [0xC0, 1, 0]),
        ("identifier 0", [0x40, 2, 0, 0]), ("short identifier", [0x40, 1, 0]),
        ("no subscription", [0x82, 2, 0, 1]), ("no filter", [0xA2, 2, 0, 1]),
        ("subscription's QoS", [0x82, 6, 0, 1, 0, 1, 0x61, 3]),
        ("wildcard within a level", [0x82, 7, 0, 1, 0, 2, 0x61, 0x23, 0]),
        ("wildcard that is not last", [0x82, 8, 0, 1, 0, 3, 0x23, 0x2F, 0x61, 0]),
        ("wildcard in a name", [0x30, 4, 0, 2, 0x61, 0x2B]), ("empty name", [0x30, 2, 0, 0]),
        ("QoS 3", [0x36, 5, 0, 1, 0x61, 0, 1]), ("duplicate with QoS 0", [0x38, 3, 0, 1, 0x61]),
        ("name beyond the end", [0x30, 3, 0, 2, 0x61]), ("no UTF-8", [0x30, 3, 0, 1, 0xFF]),
        ("surrogate", [0x30, 5, 0, 3, 0xED, 0xA0, 0x80]), ("NUL", [0x30, 3, 0, 1, 0]),
        ("another protocol", [0x10, 12, 0, 4, 0x4D, 0x51, 0x54, 0x58, 4, 2, 0, 0, 0, 0]),
        ("reserved flag", [0x10, 12, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 3, 0, 0, 0, 0]),
        ("will's QoS without a will", [0x10, 12, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 0x0A, 0, 0, 0, 0]),
        ("will's QoS 3", [0x10, 17, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 0x1E, 0, 0, 0, 0, 0, 1, 0x61, 0, 0]),
        ("password without name", [0x10, 14, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 0x42, 0, 0, 0, 0, 0, 0]),
        ("credentials that were promised", [0x10, 12, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 0xC2, 0, 0, 0, 0]),
    ]

    @Test("what is no MQTT 3.1.1 is refused", arguments: malformedPackets)
    func malformed(what: String, bytes: [UInt8]) throws {
        #expect(throws: MQTTProtocolError.self, "\(what)") { try decode(bytes) }
    }

    @Test("no bytes whatsoever do more than throw")
    func anything() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 1...40)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if bytes.count > 1 { bytes[1] = UInt8(clamping: bytes.count - 2) }
            _ = try? decode(bytes, byteLimit: 64)
        }
        // And each prefix and each single wrong byte of what is right.
        for packet in Self.packets {
            let bytes = packet.bytes
            for index in bytes.indices {
                #expect(throws: Never.self) { _ = try? decode(Array(bytes.prefix(index))) }
                var wrong = bytes
                wrong[index] ^= UInt8.random(in: 1...255, using: &generator)
                _ = try? decode(wrong, byteLimit: 4096)
            }
        }
    }
}
