internal import CLinux
internal import Glibc
internal import Synchronization

extension EventLoop {
    /// Calls the handler once when the process has ended. Before Linux 5.3, which has no pidfd_open(2), the process is
    /// looked at every half second.
    /// Fails with ESRCH when there is no such process.
    public func onEnd(of pid: Int32, handler: @escaping Handler) throws(SystemError) -> ProcessWatch {
        try ProcessWatch(loop: self, pid: pid, handler: handler)
    }
}

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
    private let state = Lock(State())

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

    /// Ends the watch; once more is no error. On the loop's thread, the handler is not called after this.
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
