internal import CLinux
internal import Glibc
internal import Synchronization

/// Watches a file until it is closed or released: the name itself, every symbolic link on the way to the file, and the
/// file at the end.
public final class FileWatch: Sendable {
    private struct State {
        var fd: Int32 = -1
        var source: EventLoop.Source?
        var timer: EventLoop.Timer?
        /// By the number of the watched folder, the names in it that count.
        var names: [Int32: Set<String>] = [:]
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

    init(loop: EventLoop, path: String, quiet: Duration, handler: @escaping EventLoop.Handler) throws(SystemError) {
        self.path = path
        self.loop = loop
        self.quiet = quiet
        self.handler = handler
        try state.withLock { (state) throws(SystemError) in try watch(&state) }
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

    /// Watches all places on the way, as it is now. Only the first must exist.
    private func watch(_ state: inout State) throws(SystemError) {
        forget(&state)
        let fd = gwe_inotify()
        guard fd >= 0 else { throw .last("watch \(path)") }
        state.fd = fd
        for (number, place) in FileWatch.places(path).enumerated() {
            let watch = gwe_inotify_add(fd, place.folder)
            if watch < 0, number == 0 {
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
                    try? self.watch(&state)
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
