internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread that sleeps in epoll(7) until a descriptor, a signal, a deadline or a call from another thread wakes it.
/// While nothing happens it costs nothing: one timerfd stands for the nearest deadline, and is disarmed when there is none.
///
/// Threads: every method may be called from every thread, before and while the loop runs. Handlers run on the thread that
/// owns the loop, which is the one in `run` (see `perform`), one after the other and without any lock of the loop; they must
/// not block for long. A handler may add and remove sources and timers, also its own. After `remove` or `cancel` on the
/// loop's thread a handler is not called again; from another thread, a call that is under way may still end.
public final class EventLoop: Sendable {
    /// A descriptor that the loop watches. The loop does not own the descriptor: remove first, then close.
    public struct Source: Sendable, Hashable {
        let id: UInt64
        let fd: Int32
    }

    /// A call that is due at a time, for `cancel`.
    public struct Timer: Sendable, Hashable {
        let id: UInt64
        /// The handler is called at this time or somewhat later, never earlier.
        public let deadline: MonotonicTime
    }

    /// When a source calls its handler.
    public enum Trigger: Sendable, Hashable {
        /// As long as there is something to read: the handler must read it.
        case readable
        /// Each time that something more has come.
        case moreReadable
        /// Once; `rearm` asks for the next time.
        case readableOnce
        /// As long as there is room to write.
        case writable
        /// As long as there is a change that was not read (POLLPRI): files of /proc and /sys that tell of changes.
        case priority

        var flags: Int32 {
            switch self {
            case .readable: Int32(GWE_POLL_READ.rawValue)
            case .moreReadable: Int32(GWE_POLL_READ.rawValue | GWE_POLL_EDGE.rawValue)
            case .readableOnce: Int32(GWE_POLL_READ.rawValue | GWE_POLL_ONCE.rawValue)
            case .writable: Int32(GWE_POLL_WRITE.rawValue)
            case .priority: Int32(GWE_POLL_PRIORITY.rawValue)
            }
        }
    }

    /// What the loop calls. It must not block for long, see `EventLoop`.
    public typealias Handler = @Sendable () -> Void

    private struct Pending {
        var timer: Timer
        var handler: Handler
    }

    private struct State {
        var nextID: UInt64 = 2
        var handlers: [UInt64: Handler] = [:]
        /// Latest first, so that the nearest is at the end.
        var timers: [Pending] = []
        var armed: MonotonicTime?
        /// Whether the kernel refused to wake the loop at the next deadline.
        var isUnarmed = false
        var posts: [Handler] = []
        var stopping = false
    }

    private static let timerID: UInt64 = 0
    private static let wakeID: UInt64 = 1
    private static let beginning = MonotonicTime(nanoseconds: 1)
    /// How often a loop without alarms looks at the clock.
    private static let lookMilliseconds: Int32 = 100

    private let epoll: Int32
    private let timer: Int32
    private let wake: Int32
    private let state = Lock(State())
    /// See EventLoopOwner.swift.
    let ownership = Monitor(Ownership())

    /// Makes a loop that nobody runs yet. It takes three descriptors.
    /// - Throws: when there is no descriptor or memory left.
    public convenience init() throws(SystemError) { try self.init(timerDescriptor: gwe_timerfd()) }

    /// - Parameter timerDescriptor: of timerfd_create(2); the loop's from now on.
    init(timerDescriptor: Int32) throws(SystemError) {
        let made = [gwe_epoll(), timerDescriptor, gwe_eventfd()]
        guard made.allSatisfy({ $0 >= 0 }) else {
            let error = SystemError.last("make an event loop")
            for fd in made where fd >= 0 { close(fd) }
            throw error
        }
        (epoll, timer, wake) = (made[0], made[1], made[2])
        guard gwe_epoll_add(epoll, timer, EventLoop.Trigger.readable.flags, EventLoop.timerID) == 0,
            gwe_epoll_add(epoll, wake, EventLoop.Trigger.readable.flags, EventLoop.wakeID) == 0
        else { throw .last("make an event loop") }
    }

    deinit {
        close(epoll)
        close(timer)
        close(wake)
    }

    // MARK: sources

    /// Watches a descriptor until `remove`. Two sources cannot have the same descriptor at one time.
    /// - Throws: EEXIST when it is watched already, EPERM for a regular file or a folder (epoll_ctl(2)).
    public func add(_ fd: Int32, _ trigger: Trigger, handler: @escaping Handler) throws(SystemError) -> Source {
        let source = state.withLock { state in
            let id = state.nextID
            state.nextID += 1
            state.handlers[id] = handler
            return Source(id: id, fd: fd)
        }
        guard gwe_epoll_add(epoll, fd, trigger.flags, source.id) == 0 else {
            let error = SystemError.last("watch descriptor \(fd)")
            state.withLock { _ = $0.handlers.removeValue(forKey: source.id) }
            throw error
        }
        return source
    }

    /// Asks for the next call, perhaps by another trigger. What is there already counts as new.
    public func rearm(_ source: Source, _ trigger: Trigger) {
        guard state.withLock({ $0.handlers[source.id] != nil }) else { return }
        _ = gwe_epoll_modify(epoll, source.fd, trigger.flags, source.id)
    }

    /// Ends the watch of a descriptor, before that is closed. A source that was removed before is no error.
    public func remove(_ source: Source) {
        let known = state.withLock { $0.handlers.removeValue(forKey: source.id) != nil }
        if known { _ = gwe_epoll_remove(epoll, source.fd) }
    }

    // MARK: timers

    /// Calls the handler once, `delay` from now by the monotonic clock.
    public func schedule(after delay: Duration, handler: @escaping Handler) -> Timer {
        let deadline = MonotonicTime.now + delay
        return state.withLock { state in
            let timer = Timer(id: state.nextID, deadline: deadline)
            state.nextID += 1
            var low = 0
            var high = state.timers.count
            while low < high {
                let middle = (low + high) / 2
                if state.timers[middle].timer.deadline > deadline { low = middle + 1 } else { high = middle }
            }
            state.timers.insert(Pending(timer: timer, handler: handler), at: low)
            arm(&state)
            return timer
        }
    }

    /// A timer that has fired is no error.
    public func cancel(_ timer: Timer) {
        state.withLock { state in
            state.timers.removeAll { $0.timer == timer }
            // Armed too early is one wake-up for nothing, where the next one arms it anew: not worth a system call,
            // unless nothing is left to wait for.
            if state.timers.isEmpty { arm(&state) }
        }
    }

    private func arm(_ state: inout State) {
        let next = state.timers.last?.timer.deadline
        if next == nil { state.isUnarmed = false }
        guard next != state.armed else { return }
        state.armed = next
        // Before the clock's beginning is no time for timerfd_settime(2); 0 would disarm.
        let (seconds, nanoseconds) = next.map { max($0, EventLoop.beginning).components } ?? (0, 0)
        if gwe_arm_timerfd(timer, seconds, nanoseconds) == 0 {
            state.isUnarmed = false
        } else if next != nil {
            // No alarm will come: the loop looks at the clock itself, and the next change of the timers tries again.
            state.armed = nil
            if !state.isUnarmed { wakeUp() }
            state.isUnarmed = true
        }
    }

    // MARK: calls from other threads

    /// Runs the work on the loop's thread, after the handlers that are due before.
    public func post(_ work: @escaping Handler) {
        state.withLock { $0.posts.append(work) }
        wakeUp()
    }

    /// Makes `run` look at its condition again.
    public func wakeUp() {
        var one: UInt64 = 1
        while write(wake, &one, 8) < 0, errno == EINTR {}
    }

    /// Makes the `run` that has no condition return after the handler that is running.
    public func stop() {
        state.withLock { $0.stopping = true }
        wakeUp()
    }

    // MARK: the thread

    /// Handles events until `stop` is called. One thread at a time.
    public func run() {
        run { [self] in
            state.withLock { state in
                defer { state.stopping = false }
                return state.stopping
            }
        }
    }

    /// Sleeps until something happens, and handles it.
    func turn() {
        var ids = [UInt64](repeating: 0, count: 64)
        let isUnarmed = state.withLock { $0.isUnarmed }
        let count = gwe_epoll_wait(epoll, &ids, 64, isUnarmed ? EventLoop.lookMilliseconds : -1)
        if isUnarmed { fire() }
        for id in ids.prefix(max(0, Int(count))) {
            switch id {
            case EventLoop.timerID: fire()
            case EventLoop.wakeID: runPosts()
            default: state.withLock { $0.handlers[id] }?()
            }
        }
    }

    private func fire() {
        var count: UInt64 = 0
        _ = read(timer, &count, 8)
        let now = MonotonicTime.now
        while true {
            let due: Handler? = state.withLock { state in
                state.armed = nil
                guard let last = state.timers.last, last.timer.deadline <= now else {
                    arm(&state)
                    return nil
                }
                state.timers.removeLast()
                return last.handler
            }
            guard let due else { return }
            due()
        }
    }

    private func runPosts() {
        var count: UInt64 = 0
        _ = read(wake, &count, 8)
        // One by one: a piece of work may run the loop itself, and the rest must not wait for its end.
        for _ in 0..<state.withLock({ $0.posts.count }) {
            let (work, hasMore) = state.withLock { state -> (Handler?, Bool) in
                guard !state.posts.isEmpty else { return (nil, false) }
                return (state.posts.removeFirst(), !state.posts.isEmpty)
            }
            guard let work else { return }
            if hasMore { wakeUp() }
            work()
        }
    }
}
