internal import CLinux

/// What the kernel knows of a connected socket (tcp(7), TCP_INFO).
enum TCPConnection {
    /// Totals since the connection began, without an interface; nil for what is no TCP socket.
    ///
    /// - Parameter isClosing: what the kernel will still send after close(2) is in them.
    static func usage(of socket: Int32, isClosing: Bool) -> WireUsage? {
        var kernel = gwe_tcp_usage()
        guard gwe_tcp_usage(socket, isClosing ? 1 : 0, &kernel) == 0 else { return nil }
        var total = WireUsage(interface: "")
        total.sentByteCount = kernel.sent
        total.receivedByteCount = kernel.received
        total.sentWithHeaders = kernel.sent_with_headers
        total.receivedWithHeaders = kernel.received_with_headers
        return total
    }

    /// The name of the interface that it goes over; nil while it has no address.
    static func interface(of socket: Int32) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16) { name in
            guard let start = name.baseAddress else { return nil }
            name.initialize(repeating: 0)
            return gwe_tcp_interface(socket, start) == 0 ? String(cString: start) : nil
        }
    }
}
