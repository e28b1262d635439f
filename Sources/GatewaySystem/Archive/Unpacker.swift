internal import Glibc

/// A package unpacked, not yet durable.
public struct Unpacked: Sendable {
    /// Everything that was put into the folder, with the digest of each file, taken while it was written.
    public var entries: [Inventory.Entry]
    /// Sum of the files' sizes.
    public var byteCount: Int64
    /// Of the package itself.
    public var sourceByteCount: Int64
    /// The package's SHA-256, if it was asked for.
    public var sourceDigest: String?
    /// The name of the one folder that everything lay under, and that was taken away; nil if there was none.
    public var topFolder: String?
    /// What came out otherwise than it stood in the package, and what the package lacks.
    public var notes: UnpackNotes
    /// Folders that group or others may write to in the package, with the mode they have there.
    private var writableFolders: [[UInt8]: UInt32]
    /// To be synced before anything is renamed. It was made before the first write.
    public var barrier: FileSystemBarrier
}

/// Unpacks packages: tar (ustar, pax, GNU) in gzip, zstd or xz.
///
/// Reading and decompressing run on a thread of their own beside the one that writes and hashes, with 512 KiB of blocks
/// between them, so memory does not grow with the package. The archive's bytes name the files: no locale takes part.
public enum Unpacker {
    /// Unpacks into the folder `directory`, which must not exist yet.
    ///
    /// Permissions and modification times are kept, but group and others get no write permission, and the owner can
    /// read every file and enter every folder. Owners, extended attributes, access control lists and times of folders
    /// are not kept; what a Mac's tar adds is left out. Files at the root and files under one top folder come out the
    /// same: the top folder is taken away. Refused are absolute paths, `..`, symlinks and hard links that lead out
    /// (also by way of other links), entries that lead through a symlink, devices, FIFOs, setuid and setgid files,
    /// control characters in names, and whatever exceeds `limits`: docs/packages.md#what-is-refused. A package is read
    /// to its last byte, so that a wrong checksum, a cut or appended bytes are found even behind the end of the tar
    /// file.
    ///
    /// If this throws, `directory` is gone again. A crash leaves it half filled: the caller knows that from the name.
    /// - Parameter hashesSource: whether to hash the package on the way, for one that no download has hashed.
    public static func unpack(
        from source: ArchiveSource, into directory: String, limits: UnpackLimits = UnpackLimits(),
        hashesSource: Bool = false, isSecondLook: Bool = false
    ) throws(UnpackError) -> Unpacked {
        try unpack(
            from: source, into: directory, limits: limits, hashesSource: hashesSource, isQuick: !isSecondLook)
    }

    /// - Parameter isQuick: whether ISA-L may decode gzip where it is there. It takes what zlib takes, but of what is
    ///   damaged it may say so later: a package that it fails with is unpacked once more, so that all of them are
    ///   refused in the same words, with ISA-L and without (D101).
    static func unpack(
        from source: ArchiveSource, into directory: String, limits: UnpackLimits, hashesSource: Bool, isQuick: Bool
    ) throws(UnpackError) -> Unpacked {
        let pump = UnpackPump(source, limits, isHashing: hashesSource, isQuick: isQuick)
        do throws(UnpackError) { return try unpack(by: pump, into: directory, limits: limits) } catch {
            guard error.isOfBytes, pump.usesQuickDecoder else { throw error }
        }
        return try unpack(
            by: UnpackPump(source, limits, isHashing: hashesSource, isQuick: false), into: directory, limits: limits)
    }

    private static func unpack(
        by pump: UnpackPump, into directory: String, limits: UnpackLimits
    ) throws(UnpackError) -> Unpacked {
        guard mkdir(directory, 0o755) == 0 else { throw .system(.last("create folder \(directory)")) }
        do throws(UnpackError) {
            guard chmod(directory, 0o755) == 0 else { throw .system(.last("change mode of \(directory)")) }
            let barrier: FileSystemBarrier
            let writer: UnpackWriter
            do throws(SystemError) {
                barrier = try FileSystemBarrier(directory: directory)
                writer = try UnpackWriter(root: directory, limits: limits)
            } catch { throw .system(error) }
            let outcome = try run(pump, writer)
            var unpacked = Unpacked(try writer.finish(), writer, outcome, barrier)
            guard !unpacked.entries.isEmpty else {
                throw .damaged(reason: unpacked.notes.leftOut.count == 0 ? "it is empty" : "it has only files of a Mac")
            }
            try unpacked.removeTopFolder(in: directory)
            try UnpackLinks(unpacked.links, environments: unpacked.environments).check()
            return unpacked
        } catch {
            try? FileTree.removeTree(directory)
            throw error
        }
    }

    private static func run(_ pump: UnpackPump, _ writer: UnpackWriter) throws(UnpackError) -> UnpackPump.Outcome {
        let thread: BackgroundThread
        do { thread = try BackgroundThread("gwe-unpack") { pump.run() } } catch { throw .system(error) }
        do throws(UnpackError) {
            let tar = TarReader(pump.ring)
            while let header = try tar.next() { try writer.add(header, from: tar) }
            try tar.drain()
        } catch {
            pump.cancel()
            thread.join()
            throw error
        }
        thread.join()
        return pump.result
    }
}

extension Unpacked {
    fileprivate init(
        _ entries: [Inventory.Entry], _ writer: UnpackWriter, _ outcome: UnpackPump.Outcome,
        _ barrier: FileSystemBarrier
    ) {
        self.init(
            entries: entries, byteCount: writer.byteCount, sourceByteCount: outcome.byteCount,
            sourceDigest: outcome.digest?.hex, topFolder: nil, notes: writer.notes,
            writableFolders: writer.writableFolders, barrier: barrier)
        notes.hasChecksum = outcome.hasChecksum
    }

    /// Gives folders the write permission for group and others that they have in the package, for an app that runs as
    /// another user than its files belong to.
    /// - Parameter directory: where it was unpacked, not yet renamed and not yet synced.
    public mutating func restoreFolderModes(in directory: String) throws(SystemError) {
        guard !writableFolders.isEmpty else { return }
        let root = try OpenFile(path: directory, flags: O_RDONLY | O_DIRECTORY)
        for index in entries.indices {
            guard entries[index].kind == .directory, let mode = writableFolders[entries[index].path] else { continue }
            guard entries[index].path.withName({ fchmodat(root.descriptor, $0, mode, 0) }) == 0 else {
                throw .last("change mode of \(UnpackPath.printable(entries[index].path)) in \(directory)")
            }
            entries[index].mode = mode
        }
    }

    /// Folders that are virtual environments of Python (PEP 405).
    fileprivate var environments: Set<[UInt8]> {
        let name = Array("pyvenv.cfg".utf8)
        return Set(
            entries.lazy.map(\.path).filter { $0.suffix(name.count).elementsEqual(name) }.map {
                UnpackPath.joined($0.split(separator: 47).dropLast())
            })
    }

    fileprivate var links: [[UInt8]: [UInt8]] {
        var links: [[UInt8]: [UInt8]] = [:]
        for entry in entries { if case .symlink(let target) = entry.kind { links[entry.path] = target } }
        return links
    }

    /// If all lies under one folder, moves what is in it to the root.
    fileprivate mutating func removeTopFolder(in directory: String) throws(UnpackError) {
        guard let top = entries.first?.path.prefix(while: { $0 != 47 }) else { return }
        let prefix = Array(top) + [47]
        // The folder itself is among the entries, so a single file at the root is none.
        guard entries.count > 1,
            entries.allSatisfy({ $0.path.starts(with: prefix) || ($0.path.elementsEqual(top) && $0.kind == .directory) }
            )
        else { return }
        do throws(SystemError) {
            let root = try OpenFile(path: directory, flags: O_RDONLY | O_DIRECTORY)
            // A name that nothing in the folder has, since one of them may be called like the folder itself.
            var hidden = ".top"
            while entries.contains(where: { $0.path.starts(with: prefix + Array(hidden.utf8)) }) { hidden += "-" }
            let words = "move the content of \(UnpackPath.printable(top)) in \(directory)"
            guard Array(top).withName({ renameat(root.descriptor, $0, root.descriptor, hidden) }) == 0,
                fchmodat(root.descriptor, hidden, 0o755, 0) == 0
            else { throw SystemError.last(words) }
            let opened = openat(root.descriptor, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard opened >= 0 else { throw SystemError.last(words) }
            let inner = OpenFile(owning: opened)
            for name in try FileTree.names(in: inner.descriptor, called: directory) {
                guard name.withName({ renameat(inner.descriptor, $0, root.descriptor, $0) }) == 0 else {
                    throw SystemError.last(words)
                }
            }
            guard unlinkat(root.descriptor, hidden, AT_REMOVEDIR) == 0 else { throw SystemError.last(words) }
        } catch { throw .system(error) }
        topFolder = UnpackPath.printable(top)
        entries = entries.compactMap { entry in
            guard entry.path.count > prefix.count else { return nil }
            var entry = entry
            entry.path.removeFirst(prefix.count)
            return entry
        }
        writableFolders = Dictionary(
            writableFolders.map { (Array($0.key.dropFirst(prefix.count)), $0.value) }, uniquingKeysWith: { $1 })
    }
}
