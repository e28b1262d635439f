internal import CLinux
internal import Glibc
internal import Synchronization

/// The receiving end of a Unix datagram socket (unix(7)), made at a path that everybody may send to.
///
/// Used by one thread, which sleeps in `receive`; `wake` may be called from any.
public final class DatagramReceiver: Sendable {
    /// What came.
    public enum Reception: Sendable, Hashable {
        /// With the user that sent it, as the kernel tells (SO_PASSCRED); `UInt32.max` where it does not.
        case datagram([UInt8], sender: UInt32)
        /// More than the limit, or nothing in it: not for us.
        case unusable
        /// The time is over.
        case nothing
        /// `wake` was called, and nothing waits to be read.
        case woken
    }

    /// Where the socket lies; `close` removes it.
    public let path: String
    private let socket: Int32
    private let event: Int32
    private let isClosed = Atomic(false)

    /// Makes the socket anew; what was left at its path is replaced. The caller sees to it that only one process does this.
    ///
    /// - Parameter mode: permissions; 0o666 lets everybody send.
    /// - Throws: also `ENAMETOOLONG` for a path of more than 107 bytes.
    public init(path: String, mode: UInt32) throws(SystemError) {
        let action = "make socket \(path)"
        guard var address = UnixAddress(path) else { throw SystemError(action, code: ENAMETOOLONG) }
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { throw .last(action) }
        event = gwe_eventfd()
        self.path = path
        guard event >= 0 else { throw .last(action) }
        unlink(path)
        // Before anybody can send.
        guard gwe_pass_credentials(socket) == 0 else { throw .last(action) }
        guard address.call({ bind(socket, $0, $1) }) == 0, chmod(path, mode_t(mode)) == 0 else { throw .last(action) }
    }

    deinit {
        if socket >= 0 { Glibc.close(socket) }
        if event >= 0 { Glibc.close(event) }
    }

    /// Lets nobody send any more, and takes the name away; what has come until now can still be received, then there is
    /// `nothing`. Ends a wait that is under way. May be called from any thread.
    public func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        unlink(path)
        shutdown(socket, Int32(SHUT_RD))
        wake()
    }

    /// Waits for a datagram of at most `limit` bytes.
    ///
    /// - Parameter timeout: nil: until one comes or `wake` is called.
    public func receive(limit: Int, timeout: Duration? = nil) -> Reception {
        var places = [
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0), pollfd(fd: event, events: Int16(POLLIN), revents: 0),
        ]
        let deadline = timeout.map { MonotonicTime.now + $0 }
        while true {
            var bytes = [UInt8](repeating: 0, count: limit)
            // The length is the datagram's own, even where it does not fit (recv(2)).
            var sender = UInt32.max
            let count = gwe_receive_from(socket, &bytes, limit, &sender)
            if count > 0, count <= limit { return .datagram(Array(bytes.prefix(count)), sender: sender) }
            if count == 0, isClosed.load(ordering: .relaxed) { return .nothing }
            if count >= 0 || errno != EAGAIN && errno != EINTR { return .unusable }
            if places[1].revents != 0 {
                var value: UInt64 = 0
                read(event, &value, 8)
                return .woken
            }
            let rest = deadline.map { MonotonicTime.now.duration(to: $0) }
            if let rest, rest <= .zero { return .nothing }
            poll(&places, 2, rest.map { Int32(clamping: Int64($0 / .milliseconds(1)) + 1) } ?? -1)
        }
    }

    /// Ends the wait that is under way, or else the next one.
    public func wake() {
        var one: UInt64 = 1
        while write(event, &one, 8) < 0, errno == EINTR {}
    }
}

/// Sends datagrams to Unix sockets and never waits.
public final class DatagramSender: Sendable {
    /// What became of a datagram.
    public enum Outcome: Sendable, Hashable {
        /// The receiver can read it.
        case sent
        /// The receiver has too many to read (EAGAIN): later.
        case full
        /// Nobody receives there, or this process may not send there.
        case nobody
    }

    private let socket: Int32

    /// Makes a socket without a name. Where there is no descriptor left, every `send` says `nobody`.
    public init() {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    }

    deinit { if socket >= 0 { Glibc.close(socket) } }

    /// Sends one datagram, whole or not at all. What is too large for the socket counts as `nobody`, and so does a path
    /// of more than 107 bytes. May be called from any thread.
    public func send(_ bytes: [UInt8], to path: String) -> Outcome {
        guard socket >= 0, var address = UnixAddress(path) else { return .nobody }
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        while true {
            let sent = address.call { sendto(socket, bytes, bytes.count, flags, $0, $1) }
            if sent == bytes.count { return .sent }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS, ENOMEM: return .full
            default: return .nobody
            }
        }
    }
}

/// A path as sockaddr_un (unix(7)).
private struct UnixAddress {
    private var address = sockaddr_un()

    /// nil for a path that does not fit.
    init?(_ path: String) {
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    }

    mutating func call<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
