internal import Glibc
internal import Synchronization

/// Tells when a tree may have become empty, until it is released: by the control group's own notice, or by the ends of the
/// processes that were left. No timer is involved, but before Linux 5.3 (see `ProcessWatch`).
public final class ProcessTreeWatch: Sendable {
    private struct State {
        var file: Int32 = -1
        var source: EventLoop.Source?
        var watches: [ProcessWatch] = []
    }

    private let loop: EventLoop
    private let state = Lock(State())

    /// - Parameters:
    ///   - descendants: the processes that are left; without a control group each is watched, and who wants to know of
    ///     others makes a new watch.
    ///   - handler: is called on the loop, perhaps more than once.
    public init(
        loop: EventLoop, tree: ProcessTree, descendants: [Int32], handler: @escaping EventLoop.Handler
    ) throws(SystemError) {
        self.loop = loop
        if let group = tree.controlGroup, group.isPopulated != nil {
            let file = open("\(group.path)/cgroup.events", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else {
                // It has gone meanwhile.
                loop.post(handler)
                return
            }
            state.withLock { $0.file = file }
            let source = try loop.add(file, .priority) {
                // Reading takes the notice away (cgroup-v2.rst: "populated").
                var bytes = [UInt8](repeating: 0, count: 256)
                let count = pread(file, &bytes, bytes.count, 0)
                if count <= 0 || !ControlGroup.populated(in: Array(bytes.prefix(count))) { handler() }
            }
            state.withLock { $0.source = source }
            return
        }
        for pid in descendants {
            do {
                let watch = try loop.onEnd(of: pid, handler: handler)
                state.withLock { $0.watches.append(watch) }
            } catch {
                // It has ended already.
                loop.post(handler)
            }
        }
    }

    deinit { close() }

    /// Ends the watch; once more is no error. A call that the loop has been given already may still come.
    public func close() {
        state.withLock { state in
            if let source = state.source { loop.remove(source) }
            if state.file >= 0 { Glibc.close(state.file) }
            for watch in state.watches { watch.close() }
            state = State()
        }
    }
}
