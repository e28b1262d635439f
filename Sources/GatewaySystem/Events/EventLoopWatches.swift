internal import CLinux
internal import Glibc
internal import Synchronization

/// Watches a file until it is closed or released.
public final class FileWatch: Sendable {
    private struct State {
        var fd: Int32
        var source: EventLoop.Source?
        var timer: EventLoop.Timer?
    }
    private let loop: EventLoop
    private let name: [UInt8]
    private let quiet: Duration
    private let handler: EventLoop.Handler
    private let state: Mutex<State>

    init(loop: EventLoop, path: String, quiet: Duration, handler: @escaping EventLoop.Handler) throws(SystemError) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = Array(slash.map { path[path.index(after: $0)...] }?.utf8 ?? path[...].utf8)
        self.loop = loop
        self.quiet = quiet
        self.handler = handler
        let fd = gwe_inotify(folder)
        guard fd >= 0 else { throw .last("watch folder \(folder)") }
        state = Mutex(State(fd: fd))
        let source: EventLoop.Source
        do { source = try loop.add(fd, .readable) { [weak self] in self?.changed() } } catch {
            Glibc.close(fd)
            throw error
        }
        state.withLock { $0.source = source }
    }

    deinit { close() }

    public func close() {
        state.withLock { state in
            if let source = state.source { loop.remove(source) }
            if let timer = state.timer { loop.cancel(timer) }
            if state.fd >= 0 { Glibc.close(state.fd) }
            state = State(fd: -1)
        }
    }

    private func changed() {
        state.withLock { state in
            guard state.fd >= 0, readNames(state.fd) else { return }
            if let timer = state.timer { loop.cancel(timer) }
            state.timer = loop.schedule(after: quiet) { [weak self] in
                guard let self else { return }
                self.state.withLock { $0.timer = nil }
                self.handler()
            }
        }
    }

    /// Whether one of the events that wait is of our file. Lost events count.
    private func readNames(_ fd: Int32) -> Bool {
        var ours = false
        let header = MemoryLayout<inotify_event>.size
        withUnsafeTemporaryAllocation(byteCount: 8_192, alignment: 8) { buffer in
            while case let count = read(fd, buffer.baseAddress, buffer.count), count > 0 {
                var at = 0
                while at + header <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: at, as: inotify_event.self)
                    let end = min(count, at + header + Int(event.len))
                    let found = buffer[(at + header)..<end].prefix { $0 != 0 }
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 || found.elementsEqual(name) { ours = true }
                    at = end
                }
            }
        }
        return ours
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
