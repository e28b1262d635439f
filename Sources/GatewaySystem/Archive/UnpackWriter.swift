internal import CArchive  // whose headers define timespec, as the compiler sees it
internal import Glibc

/// Puts entries on disk below a fresh folder and notes what it put there.
final class UnpackWriter {
    /// UTIME_OMIT (utimensat(2)), a macro that Swift does not import.
    private static let omitted = (1 << 30) - 2

    private let limits: UnpackLimits
    private let folders: UnpackFolders
    private let umask = UnpackFolders.umask()
    private var hasher = SHA256Hasher()
    /// In the order of the archive; nil where a later entry took the place.
    private var files: [(path: [UInt8], mode: UInt32, state: Inventory.FileState)?] = []
    /// Made when it is first needed, for hard links and repeated entries.
    private var fileIndex: [[UInt8]: Int]?
    private(set) var links: [[UInt8]: [UInt8]] = [:]
    private(set) var byteCount: Int64 = 0
    /// Entries of the archive, repeated ones too, so that those have a limit as well.
    private var entryCount = 0
    private let root: String
    /// Inodes that may be taken before the file system is asked again: others take some too.
    private var inodeCount = 0
    private static let mostInodesAtOnce = 256
    private(set) var notes = UnpackNotes()
    /// Folders that group or others may write to in the archive, with the mode they have there.
    private(set) var writableFolders: [[UInt8]: UInt32] = [:]

    init(root: String, limits: UnpackLimits) throws(SystemError) {
        self.limits = limits
        self.root = root
        folders = try UnpackFolders(root: root)
    }

    func add(_ header: TarReader.Header, from tar: TarReader) throws(UnpackError) {
        entryCount += 1
        let path = try UnpackPath(header.path, limits: limits)
        let name = UnpackPath.joined(path.components)
        func refused(_ reason: String) -> UnpackError {
            .refused(entry: UnpackPath.printable(header.path), reason: reason)
        }
        guard entryCount <= limits.entryCount, folders.modes.count <= limits.entryCount else {
            throw .tooLarge(reason: "it has more than \(limits.entryCount) entries")
        }
        guard !Self.isOfMac(path, header.kind) else { return notes.leaveOut(name) }
        try takeInodes(path.components.count)
        if case .directory = header.kind {
            guard !path.components.isEmpty else { return }
            _ = try folders.descriptor(of: path.components, makes: true, for: header.path, isFolder: true)
            let mode = takenMode(header.mode & 0o777, isFolder: true, name)
            writableFolders[name] = header.mode & 0o022 == 0 ? nil : mode | header.mode & 0o022
            return folders.setMode(mode, of: name)
        }
        guard let last = path.components.last else { throw refused("it has no name") }
        let folder = try folders.descriptor(of: path.components.dropLast(), makes: true, for: header.path)
        switch header.kind {
        case .file:
            let isPrivileged = header.mode & 0o6000 != 0
            guard !isPrivileged || limits.allowsSetuid else {
                throw refused("it is setuid or setgid; take the bit away, or set allow_setuid in the policy")
            }
            try addFile(header, Array(last), name, in: folder, from: tar)
        case .symlink(let target):
            guard !target.isEmpty, target.count < Int(PATH_MAX), !target.contains(0) else {
                throw refused("a symlink without a target that can be")
            }
            try addLink(target, Array(last), name, in: folder, header)
        case .hardLink(let target): try addHardLink(target, path.components, name, header)
        case .other(let kind): throw refused("it is \(kind)")
        case .directory: break
        }
    }

    /// Leaves the file system the inodes of its reserve. Each component of a path may be a folder that is to be made.
    private func takeInodes(_ count: Int) throws(UnpackError) {
        if inodeCount < count {
            let info: FileSystemInfo
            do { info = try FileSystemInfo(containing: root) } catch { throw .system(error) }
            let room = info.availableInodeCount - info.inodeReserve
            guard room >= Int64(count) else {
                throw .noInode(
                    reason: "\(info.availableInodeCount) of \(info.totalInodeCount) are free where \(root) lies, and "
                        + "\(info.inodeReserve) stay so: remove what is many small files (gwe doctor)")
            }
            inodeCount = Int(min(room, Int64(max(count, Self.mostInodesAtOnce))))
        }
        inodeCount -= count
    }

    /// What a Mac's tar and Finder add beside the files themselves: AppleDouble files, and their folder in archives
    /// that Finder makes.
    private static func isOfMac(_ path: UnpackPath, _ kind: TarReader.Header.Kind) -> Bool {
        if path.components.first?.elementsEqual("__MACOSX".utf8) == true { return true }
        guard let last = path.components.last else { return false }
        switch kind {
        case .file, .hardLink:
            return last.count > 2 && last.starts(with: "._".utf8) || last.elementsEqual(".DS_Store".utf8)
        default: return false
        }
    }

    /// Group and others never get write permission, and the owner can always look.
    private func takenMode(_ mode: UInt32, isFolder: Bool, _ name: [UInt8]) -> UInt32 {
        let readable: UInt32 = isFolder ? 0o500 : 0o400
        if mode & 0o022 != 0 { notes.narrow(name, mode, isFolder: isFolder) }
        if mode & readable != readable { notes.open(name, mode) }
        return mode & ~0o022 | readable
    }

    // MARK: Files

    private func addFile(
        _ header: TarReader.Header, _ last: [UInt8], _ name: [UInt8], in folder: Int32, from tar: TarReader
    ) throws(UnpackError) {
        let (sum, overflow) = byteCount.addingReportingOverflow(header.byteCount)
        guard header.byteCount >= 0, !overflow, sum <= limits.byteCount else {
            throw .tooLarge(reason: "it unpacks to more than \(limits.byteCount) bytes")
        }
        let mode = takenMode(header.mode & (limits.allowsSetuid ? 0o6777 : 0o777), isFolder: false, name)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        var descriptor = last.withName { text in retrying { openat(folder, text, flags, mode & 0o777) } }
        if descriptor < 0, errno == EEXIST {
            try makeWay(last, name, in: folder, header)
            descriptor = last.withName { text in retrying { openat(folder, text, flags, mode & 0o777) } }
        }
        guard descriptor >= 0 else { throw .system(.last("create \(UnpackPath.printable(name))")) }
        let file = OpenFile(owning: descriptor)
        let digest = try copy(tar, header.byteCount, to: file, name)
        if mode & umask != 0 || mode & 0o6000 != 0, fchmod(descriptor, mode) != 0 {
            throw .system(.last("change mode of \(UnpackPath.printable(name))"))
        }
        if let modified = header.modified {
            var times = (timespec(tv_sec: 0, tv_nsec: Self.omitted), modified)
            let result = withUnsafeBytes(of: &times) { bytes in
                futimens(descriptor, bytes.assumingMemoryBound(to: timespec.self).baseAddress)
            }
            guard result == 0 else { throw .system(.last("set time of \(UnpackPath.printable(name))")) }
        }
        do throws(SystemError) {
            var state = Inventory.FileState(try file.status(named: UnpackPath.printable(name)))
            try file.closeChecked(named: UnpackPath.printable(name))
            state.digest = digest
            byteCount += state.byteCount
            fileIndex?[name] = files.count
            files.append((name, mode, state))
        } catch { throw .system(error) }
    }

    private func copy(
        _ tar: TarReader, _ byteCount: Int64, to file: borrowing OpenFile, _ name: [UInt8]
    ) throws(UnpackError) -> SHA256Digest {
        var position: Int64 = 0
        while let (offset, bytes) = try tar.nextPiece() {
            // A sparse file: its holes are part of its content.
            guard offset >= position, offset + Int64(bytes.count) <= byteCount else {
                throw .damaged(reason: "the tar data is damaged (a sparse file out of order)")
            }
            if offset > position { try skip(offset - position, to: offset, file, name) }
            hasher.update(bytes)
            do { try file.writeAll(bytes, named: UnpackPath.printable(name)) } catch { throw .system(error) }
            position = offset + Int64(bytes.count)
        }
        if position < byteCount { try skip(byteCount - position, to: byteCount, file, name) }
        return hasher.finishDigest()
    }

    private func skip(
        _ count: Int64, to offset: Int64, _ file: borrowing OpenFile, _ name: [UInt8]
    ) throws(UnpackError) {
        guard ftruncate(file.descriptor, off_t(offset)) == 0, lseek(file.descriptor, off_t(offset), SEEK_SET) >= 0
        else { throw .system(.last("write \(UnpackPath.printable(name))")) }
        let zeros = [UInt8](repeating: 0, count: 64 << 10)
        var rest = count
        while rest > 0 {
            let piece = Int(min(rest, Int64(zeros.count)))
            zeros.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<piece])) }
            rest -= Int64(piece)
        }
    }

    /// An entry that comes again replaces the first if both are files, or both are symlinks: build tools list names
    /// twice, and tar's --append adds a newer one. It is removed, never written into. Anything else is refused.
    private func makeWay(
        _ last: [UInt8], _ name: [UInt8], in folder: Int32, _ header: TarReader.Header, isLink: Bool = false
    ) throws(UnpackError) {
        let index = isLink ? nil : self.index()[name]
        let before = index.flatMap { files[$0] }
        guard isLink ? links[name] != nil : before != nil else {
            throw .refused(entry: UnpackPath.printable(header.path), reason: UnpackFolders.isTaken)
        }
        guard last.withName({ unlinkat(folder, $0, 0) }) == 0 else {
            throw .system(.last("replace \(UnpackPath.printable(name))"))
        }
        guard let index, let before else { return }
        byteCount -= before.state.byteCount
        files[index] = nil
        fileIndex?[name] = nil
    }

    private func index() -> [[UInt8]: Int] {
        if let fileIndex { return fileIndex }
        var made: [[UInt8]: Int] = [:]
        for (index, file) in files.enumerated() { if let file { made[file.path] = index } }
        fileIndex = made
        return made
    }

    // MARK: Links

    private func addLink(
        _ target: [UInt8], _ last: [UInt8], _ name: [UInt8], in folder: Int32, _ header: TarReader.Header
    ) throws(UnpackError) {
        guard links[name] != target else { return }
        func link() -> Int32 { target.withName { target in last.withName { symlinkat(target, folder, $0) } } }
        var result = link()
        if result != 0, errno == EEXIST {
            try makeWay(last, name, in: folder, header, isLink: true)
            result = link()
        }
        guard result == 0 else { throw .system(.last("create symlink \(UnpackPath.printable(name))")) }
        links[name] = target
    }

    private func addHardLink(
        _ target: [UInt8], _ components: [ArraySlice<UInt8>], _ name: [UInt8], _ header: TarReader.Header
    ) throws(UnpackError) {
        func refused(_ reason: String) -> UnpackError {
            .refused(entry: UnpackPath.printable(header.path), reason: reason)
        }
        let words = UnpackPath.printable(target)
        let source: UnpackPath
        do { source = try UnpackPath(target, limits: limits) } catch {
            throw refused("a hard link that leads out of the package: '\(words)'; pack a copy of the file")
        }
        let targetName = UnpackPath.joined(source.components)
        // GNU tar writes a link to itself where it was given a file or a symlink twice.
        if targetName == name, links[name] != nil || self.index()[name] != nil { return }
        guard let last = components.last, let targetLast = source.components.last,
            let index = self.index()[targetName], let file = files[index]
        else {
            throw refused("a hard link to '\(words)', which is no file that came before it; pack a copy of the file")
        }
        let from = try folders.descriptor(of: source.components.dropLast(), makes: false, for: header.path)
        // The next call may close it.
        let held = OpenFile(owning: fcntl(from, F_DUPFD_CLOEXEC, 0))
        let to = try folders.descriptor(of: components.dropLast(), makes: true, for: header.path)
        let (old, new) = (Array(targetLast), Array(last))
        func link(_ from: Int32) -> Int32 { old.withName { old in new.withName { linkat(from, old, to, $0, 0) } } }
        var result = link(held.descriptor)
        if result != 0, errno == EEXIST {
            try makeWay(new, name, in: to, header)
            result = link(held.descriptor)
        }
        guard result == 0 else { throw .system(.last("create hard link \(UnpackPath.printable(name))")) }
        // Counted like a copy: where hard links are not kept, it is one.
        byteCount += file.state.byteCount
        fileIndex?[name] = files.count
        files.append((name, file.mode, file.state))
    }

    // MARK: The end

    /// Sets the folders' modes and tells what there is now.
    func finish() throws(UnpackError) -> [Inventory.Entry] {
        try folders.applyModes()
        var entries = files.compactMap { file in
            file.map { Inventory.Entry(path: $0.path, mode: $0.mode, kind: .file($0.state)) }
        }
        entries += links.map { Inventory.Entry(path: $0.key, mode: 0o777, kind: .symlink(target: $0.value)) }
        entries += folders.modes.map { Inventory.Entry(path: $0.key, mode: $0.value, kind: .directory) }
        guard entries.count <= limits.entryCount else {
            throw .tooLarge(reason: "it has more than \(limits.entryCount) entries")
        }
        return entries
    }
}
