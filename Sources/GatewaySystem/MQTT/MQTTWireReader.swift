internal import CLinux
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
    mutating func findInterface() { interface = TCPConnection.interface(of: descriptor) ?? "" }

    /// - Parameter isClosing: nothing is sent any more: what the kernel does after close(2) is counted with it.
    func count(isClosing: Bool) -> MQTTWireCount {
        let usage = TCPConnection.usage(of: descriptor, isClosing: isClosing) ?? WireUsage(interface: "")
        var wire = MQTTWireCount()
        wire.sentByteCount = usage.sentByteCount
        wire.receivedByteCount = usage.receivedByteCount
        wire.sentWithHeaders = usage.sentWithHeaders
        wire.receivedWithHeaders = usage.receivedWithHeaders
        return wire
    }
}
