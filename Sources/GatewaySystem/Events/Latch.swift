internal import CLinux
internal import Glibc

/// Something that happens once, and that threads can wait for. Costs a descriptor.
public final class Latch: Sendable {
    private let fd: Int32

    /// A latch that is not open yet.
    /// - Throws: when there is no descriptor left.
    public init() throws(SystemError) {
        fd = gwe_eventfd()
        guard fd >= 0 else { throw .last("make an event") }
    }

    deinit { close(fd) }

    /// Opens it for good, and wakes everybody who waits. Once more changes nothing. May be called from any thread.
    public func open() {
        var one: UInt64 = 1
        _ = write(fd, &one, 8)
    }

    /// Whether it was opened before the timeout.
    public func wait(timeout: Duration) -> Bool {
        let end = MonotonicTime.now + timeout
        while true {
            let left = MonotonicTime.now.duration(to: end)
            var waiting = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, left.milliseconds) > 0 { return true }
            if left <= .zero { return false }
        }
    }
}
