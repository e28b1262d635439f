internal import Glibc

/// Counts what goes over one connection. Its own descriptor of the socket stays readable after libmosquitto has closed
/// the other one, so that the farewell is counted too.
struct MQTTWireReader: ~Copyable {
    private let descriptor: Int32
    /// The network interface with the socket's own address; "" before there is one.
    private(set) var interface = ""

    init(_ socket: Int32) { descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 3) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Once the socket is bound.
    mutating func findInterface() {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isNamed = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &length) == 0
                    && getnameinfo(address, length, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) == 0
            }
        }
        guard isNamed, let all = try? NetworkInterfaces.addresses() else { return }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        interface = all.first { $0.addresses.contains(text) }?.name ?? ""
    }

    /// struct tcp_info of <linux/tcp.h>, by offsets: glibc's own one ends before these.
    func count() -> MQTTWireCount {
        var wire = MQTTWireCount()
        var info = [UInt64](repeating: 0, count: 40)
        var length = socklen_t(info.count * 8)
        guard descriptor >= 0, getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0 else {
            return wire
        }
        wire.receivedByteCount = Int64(clamping: info[16])
        info.withUnsafeBytes { bytes in
            wire.sentSegmentCount = Int64(bytes.load(fromByteOffset: 136, as: UInt32.self))
            wire.receivedSegmentCount = Int64(bytes.load(fromByteOffset: 140, as: UInt32.self))
        }
        // Since Linux 4.19; before that, what was acknowledged.
        wire.sentByteCount = Int64(clamping: length >= 208 ? info[25] : info[15])
        return wire
    }
}
