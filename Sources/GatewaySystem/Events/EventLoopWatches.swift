internal import CLinux
internal import Glibc
internal import Synchronization

/// Watches a process for its end until that is told, or until it is closed or released.
public final class ProcessWatch: Sendable {
    private struct State {
        var fd: Int32 = -1
        var source: EventLoop.Source?
        var timer: EventLoop.Timer?
        var closed = false
    }
    private let loop: EventLoop
    private let pid: Int32
    private let handler: EventLoop.Handler
    private let state = Mutex(State())

    init(loop: EventLoop, pid: Int32, handler: @escaping EventLoop.Handler) throws(SystemError) {
        self.loop = loop
        self.pid = pid
        self.handler = handler
        let fd = gwe_pidfd_open(pid, 0)
        guard fd >= 0 else {
            guard errno == ENOSYS || errno == EPERM else { throw .last("watch process \(pid)") }
            look()
            return
        }
        let source: EventLoop.Source
        do { source = try loop.add(fd, .readableOnce) { [weak self] in self?.ended() } } catch {
            Glibc.close(fd)
            throw error
        }
        state.withLock {
            $0.fd = fd
            $0.source = source
        }
    }

    deinit { close() }

    public func close() {
        state.withLock { state in
            if let source = state.source { loop.remove(source) }
            if let timer = state.timer { loop.cancel(timer) }
            if state.fd >= 0 { Glibc.close(state.fd) }
            state = State(closed: true)
        }
    }

    private func ended() {
        let open = state.withLock { !$0.closed }
        guard open else { return }
        close()
        handler()
    }

    private func look() {
        if ProcessFacts(pid) == nil { return loop.post { [weak self] in self?.ended() } }
        let timer = loop.schedule(after: .milliseconds(500)) { [weak self] in self?.look() }
        state.withLock { state in
            if state.closed { loop.cancel(timer) } else { state.timer = timer }
        }
    }
}

/// Something that happens once, and that threads can wait for. Costs a descriptor.
public final class Latch: Sendable {
    private let fd: Int32

    public init() throws(SystemError) {
        fd = gwe_eventfd()
        guard fd >= 0 else { throw .last("make an event") }
    }

    deinit { close(fd) }

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
