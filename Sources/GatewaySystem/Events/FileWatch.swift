internal import CLinux
internal import Glibc
internal import Synchronization

/// Watches a file until it is closed or released: the name itself, every symbolic link on the way to the file, and the
/// file at the end. The kernel tells of changes (inotify(7)); while it has no instance or watch left for this user, the file
/// is looked at every few seconds instead.
public final class FileWatch: Sendable {
    private struct State {
        var fd: Int32 = -1
        var source: EventLoop.Source?
        var timer: EventLoop.Timer?
        /// By the number of the watched folder, the names in it that count.
        var names: [Int32: Set<String>] = [:]
        /// Why the kernel does not tell of changes.
        var shortage: SystemError?
        /// The file as the handler knows it, and as it was when it was looked at last, while nobody tells of changes.
        var known: Look?
        var last: Look?
    }

    /// What changes with a file.
    private struct Look: Hashable {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        var byteCount: Int64 = -1
        var times: [Int64] = []

        /// Of the file that the path leads to.
        init(_ path: String) {
            var info = stat()
            guard stat(path, &info) == 0 else { return }
            (device, inode, byteCount) = (UInt64(info.st_dev), UInt64(info.st_ino), Int64(info.st_size))
            times = [info.st_mtim, info.st_ctim].flatMap { [Int64($0.tv_sec), Int64($0.tv_nsec)] }
        }
    }

    /// A name in a folder.
    private struct Place: Hashable {
        var folder: String
        var name: String
    }

    private let loop: EventLoop
    private let path: String
    private let quiet: Duration
    private let handler: EventLoop.Handler
    private let state = Lock(State())

    /// How often the file is looked at while the kernel does not tell of changes.
    public static let lookInterval = Duration.seconds(3)

    /// Why the file is looked at now and then only; nil while the kernel tells of changes.
    public var shortage: SystemError? { state.withLock(\.shortage) }

    init(loop: EventLoop, path: String, quiet: Duration, handler: @escaping EventLoop.Handler) throws(SystemError) {
        self.path = path
        self.loop = loop
        self.quiet = quiet
        self.handler = handler
        try state.withLock { (state) throws(SystemError) in try begin(&state) }
    }

    deinit { close() }

    /// Ends the watch; once more is no error. On the loop's thread, the handler is not called again after this.
    public func close() {
        state.withLock { state in
            if let timer = state.timer { loop.cancel(timer) }
            forget(&state)
            state = State()
        }
    }

    private func forget(_ state: inout State) {
        if let source = state.source { loop.remove(source) }
        if state.fd >= 0 { Glibc.close(state.fd) }
        state.source = nil
        state.fd = -1
        state.names = [:]
    }

    /// Watches, or looks now and then where that is not possible at present.
    private func begin(_ state: inout State) throws(SystemError) {
        do throws(SystemError) { try watch(&state) } catch {
            guard FileWatch.isShortage(error.code) else { throw error }
            state.known = Look(path)
            state.last = state.known
            state.shortage = error
            lookLater(&state, after: FileWatch.lookInterval)
        }
    }

    /// EMFILE: no instance is left to this user, or no descriptor; ENOSPC: no watch (inotify_add_watch(2)).
    private static func isShortage(_ code: Int32) -> Bool { [EMFILE, ENFILE, ENOSPC, ENOMEM].contains(code) }

    private func lookLater(_ state: inout State, after delay: Duration) {
        if let timer = state.timer { loop.cancel(timer) }
        state.timer = loop.schedule(after: delay) { [weak self] in self?.look() }
    }

    /// Tries again to be told of changes, and looks whether the file is another than the handler knows.
    private func look() {
        let isChanged = state.withLock { state in
            state.timer = nil
            guard state.shortage != nil else { return false }
            do throws(SystemError) { try watch(&state) } catch { state.shortage = error }
            let now = Look(path)
            // One that is just being written is taken when it has come to rest.
            let isNews = now != state.known
            if isNews, now != state.last, state.shortage != nil {
                state.last = now
                lookLater(&state, after: FileWatch.lookInterval / 3)
                return false
            }
            state.known = now
            state.last = now
            if state.shortage != nil { lookLater(&state, after: FileWatch.lookInterval) }
            return isNews
        }
        if isChanged { handler() }
    }

    /// Watches all places on the way, as it is now. Only the first must exist.
    private func watch(_ state: inout State) throws(SystemError) {
        forget(&state)
        let fd = gwe_inotify()
        guard fd >= 0 else { throw .last("watch \(path)") }
        state.fd = fd
        for (number, place) in FileWatch.places(path).enumerated() {
            let watch = gwe_inotify_add(fd, place.folder)
            if watch < 0, number == 0 || FileWatch.isShortage(errno) {
                let error = SystemError.last("watch folder \(place.folder)")
                forget(&state)
                throw error
            }
            if watch >= 0 { state.names[watch, default: []].insert(place.name) }
        }
        do { state.source = try loop.add(fd, .readable) { [weak self] in self?.changed() } } catch {
            forget(&state)
            throw error
        }
        state.shortage = nil
    }

    /// The file's own place first, then those of the links on its way (path_resolution(7); at most 40 links).
    private static func places(_ path: String) -> [Place] {
        let parts = path.split(separator: "/").map(String.init)
        let root = path.hasPrefix("/") ? "/" : "."
        func join(_ folder: String, _ name: String) -> String { folder == "/" ? "/\(name)" : "\(folder)/\(name)" }
        var places = [Place(folder: parts.dropLast().reduce(root, join), name: parts.last ?? "")]
        var folder = root
        var rest = parts
        var links = 0
        while !rest.isEmpty {
            let name = rest.removeFirst()
            let here = join(folder, name)
            if let target = FileTree.linkTarget(here), links < 40 {
                links += 1
                places.append(Place(folder: folder, name: name))
                rest = target.split(separator: "/").map(String.init) + rest
                if target.hasPrefix("/") { folder = "/" }
            } else {
                if rest.isEmpty { places.append(Place(folder: folder, name: name)) }
                folder = here
            }
        }
        return places
    }

    private func changed() {
        state.withLock { state in
            guard state.fd >= 0, hasOurs(state) else { return }
            if let timer = state.timer { loop.cancel(timer) }
            state.timer = loop.schedule(after: quiet) { [weak self] in
                guard let self else { return }
                let isClosed = self.state.withLock { state in
                    state.timer = nil
                    guard state.fd >= 0 else { return true }
                    // A link may lead elsewhere now. What happened in between is seen by the handler, which comes after.
                    try? self.begin(&state)
                    return false
                }
                if !isClosed { self.handler() }
            }
        }
    }

    /// Whether one of the events that wait is of our file. Lost events count.
    private func hasOurs(_ state: State) -> Bool {
        var ours = false
        let header = MemoryLayout<inotify_event>.size
        withUnsafeTemporaryAllocation(byteCount: 8_192, alignment: 8) { buffer in
            while case let count = read(state.fd, buffer.baseAddress, buffer.count), count > 0 {
                var at = 0
                while at + header <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: at, as: inotify_event.self)
                    let end = min(count, at + header + Int(event.len))
                    let name = String(decoding: buffer[(at + header)..<end].prefix { $0 != 0 }, as: UTF8.self)
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 || state.names[event.wd]?.contains(name) == true {
                        ours = true
                    }
                    at = end
                }
            }
        }
        return ours
    }
}
