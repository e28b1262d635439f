internal import Glibc

/// Finds the folder of each entry below a root without following any symlink: every component is opened from the one
/// before with O_NOFOLLOW. The folders of the last entry stay open, since the next one mostly lies in them too.
final class UnpackFolders {
    private let root: OpenFile
    private var open: [(name: ArraySlice<UInt8>, descriptor: Int32)] = []
    /// Folders made on the way, whether or not an entry of their own says which mode they have.
    private(set) var modes: [[UInt8]: UInt32] = [:]

    init(root path: String) throws(SystemError) {
        root = try OpenFile(path: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }

    deinit { shrink(to: 0) }

    private func shrink(to count: Int) { while open.count > count { close(open.removeLast().descriptor) } }

    static let isTaken = "something else has its name already; pack one of the two"

    /// The descriptor of a folder, valid until the next call. Missing ones are made if `makes`, with mode 0755.
    /// - Parameter isFolder: whether the last component is the entry itself.
    func descriptor(
        of components: some Collection<ArraySlice<UInt8>>, makes: Bool, for entry: [UInt8], isFolder: Bool = false
    ) throws(UnpackError) -> Int32 {
        var depth = 0
        var isShared = true
        for component in components {
            if isShared, depth < open.count, open[depth].name.elementsEqual(component) {
                depth += 1
                continue
            }
            if isShared { shrink(to: depth) }
            isShared = false
            let parent = open.last?.descriptor ?? root.descriptor
            let isEntry = isFolder && depth == components.count - 1
            open.append((component, try enter(component, in: parent, makes: makes, entry, isEntry: isEntry)))
            depth += 1
        }
        shrink(to: depth)
        return open.last?.descriptor ?? root.descriptor
    }

    private func enter(
        _ name: ArraySlice<UInt8>, in parent: Int32, makes: Bool, _ entry: [UInt8], isEntry: Bool
    ) throws(UnpackError) -> Int32 {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        return try Array(name).withName { (text) throws(UnpackError) in
            var opened = retrying { openat(parent, text, flags) }
            if opened < 0, errno == ENOENT, makes {
                guard mkdirat(parent, text, 0o755) == 0 else {
                    throw .system(.last("create folder for \(UnpackPath.printable(entry))"))
                }
                modes[path(to: name)] = 0o755
                opened = retrying { openat(parent, text, flags) }
            }
            if opened >= 0 { return opened }
            switch errno {
            case ELOOP, ENOTDIR:
                let place = UnpackPath.printable(path(to: name))
                let words = "it leads through '\(place)', which is no folder; pack it at its real place"
                throw .refused(entry: UnpackPath.printable(entry), reason: isEntry ? Self.isTaken : words)
            case ENOENT:
                throw .refused(
                    entry: UnpackPath.printable(entry),
                    reason: "a hard link to what is no file that came before it; pack a copy of the file")
            default: throw .system(.last("open folder of \(UnpackPath.printable(entry))"))
            }
        }
    }

    private func path(to name: ArraySlice<UInt8>) -> [UInt8] { UnpackPath.joined(open.map(\.name) + [name]) }

    /// An entry of its own says which mode a folder has. It is set at the end: without w and x nothing could be
    /// put into it.
    func setMode(_ mode: UInt32, of path: [UInt8]) { modes[path] = mode }

    /// Gives every folder its mode, the innermost first.
    func applyModes() throws(UnpackError) {
        shrink(to: 0)
        let mask = Self.umask()
        for (path, mode) in modes.sorted(by: { $1.key.lexicographicallyPrecedes($0.key) })
        where mode != 0o755 || mask & 0o755 != 0 {
            guard path.withName({ fchmodat(root.descriptor, $0, mode, 0) }) == 0 else {
                throw .system(.last("change mode of \(UnpackPath.printable(path))"))
            }
        }
    }

    /// The process's umask, read without changing it (proc(5)); all bits if it is not told.
    static func umask() -> UInt32 {
        guard let bytes = try? AtomicFile.read("/proc/self/status", limit: 64 << 10) else { return 0o777 }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("Umask:") }
        return line.flatMap { UInt32($0.dropFirst(6).filter { !$0.isWhitespace }, radix: 8) } ?? 0o777
    }
}

extension Array where Element == UInt8 {
    /// As `withCString`, with typed errors.
    func withName<Result, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let text = map { CChar(bitPattern: $0) } + [0]
        return try text.withUnsafeBufferPointer { (buffer) throws(Failure) in
            guard let start = buffer.baseAddress else { return try body("") }
            return try body(start)
        }
    }
}
