import Foundation
import Glibc
import TestSupport

/// tcpdump(8) on the gateway's interface, and what its file says: an independent witness of what went over the wire.
struct PacketCapture {
    /// Of one direction.
    struct Sum: Sendable, Equatable {
        var payload: Int64 = 0
        /// With IP and TCP headers.
        var withHeaders: Int64 = 0
        /// Of the payload, what was seen before.
        var repeated: Int64 = 0
        var packets = 0
    }

    /// Packets to and from this port only show how far the capture has come.
    static let probePort = 1

    private(set) var probes = 0
    var sent = Sum()
    var received = Sum()

    /// Reads a file of pcap-savefile(5) with Ethernet frames. Payload length is IP's total length without the headers
    /// of IP (RFC 791, RFC 8200) and TCP (RFC 9293).
    init(_ path: String, from own: Set<String>) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        struct Damaged: Error { var offset: Int }
        func little(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
        func big(_ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }
        guard bytes.count >= 24, [0xA1B2_C3D4, 0xA1B2_3C4D].contains(little(0)), little(20) & 0xFFFF == 1 else {
            throw Damaged(offset: 0)
        }
        /// What was seen of each direction of each connection.
        var seen: [String: Stream] = [:]
        var offset = 24
        while offset + 16 <= bytes.count {
            let length = little(offset + 8)
            let frame = offset + 16
            guard frame + length <= bytes.count, length >= 14 else { throw Damaged(offset: offset) }
            offset = frame + length
            let packet = frame + 14
            let total: Int
            let tcp: Int
            let source: String
            switch big(frame + 12) {
            case 0x0800 where bytes[packet + 9] == 6:
                total = big(packet + 2)
                tcp = packet + Int(bytes[packet] & 15) * 4
                source = bytes[packet + 12..<packet + 16].map(String.init).joined(separator: ".")
            case 0x86DD where bytes[packet + 6] == 6:
                total = big(packet + 4) + 40
                tcp = packet + 40
                var text = [CChar](repeating: 0, count: 64)
                let raw = Array(bytes[packet + 8..<packet + 24])
                inet_ntop(AF_INET6, raw, &text, 64)
                source = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            default: continue
            }
            guard tcp + 13 <= offset else { throw Damaged(offset: frame) }
            if big(tcp) == PacketCapture.probePort || big(tcp + 2) == PacketCapture.probePort {
                probes += 1
                continue
            }
            let payload = total - (tcp - packet) - Int(bytes[tcp + 12] >> 4) * 4
            let direction = own.contains(source) ? \PacketCapture.sent : \PacketCapture.received
            self[keyPath: direction].payload += Int64(payload)
            self[keyPath: direction].withHeaders += Int64(total)
            self[keyPath: direction].packets += 1
            guard payload > 0 else { continue }
            let stream = "\(source) \(big(tcp)) \(big(tcp + 2))"
            let first = UInt32(big(tcp + 4)) << 16 | UInt32(big(tcp + 6))
            self[keyPath: direction].repeated += seen[stream, default: Stream(origin: first)].add(first, payload)
        }
    }

    /// The parts of a stream of bytes that have been seen, in order; numbers count from the first that was.
    private struct Stream {
        let origin: UInt32
        private var parts: [Range<Int64>] = []

        init(origin: UInt32) { self.origin = origin }

        /// Returns how many of the bytes had been seen before.
        mutating func add(_ number: UInt32, _ count: Int) -> Int64 {
            let start = Int64(Int32(bitPattern: number &- origin))
            var whole = start..<start + Int64(count)
            let known = parts.reduce(Int64(0)) { $0 + Int64($1.clamped(to: whole).count) }
            parts.removeAll { part in
                guard part.lowerBound <= whole.upperBound, whole.lowerBound <= part.upperBound else { return false }
                whole = min(part.lowerBound, whole.lowerBound)..<max(part.upperBound, whole.upperBound)
                return true
            }
            parts.append(whole)
            return known
        }
    }
}
