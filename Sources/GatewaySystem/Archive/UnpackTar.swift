internal import CArchive  // whose headers define timespec, as the compiler sees it
internal import Glibc

/// The entries of a tar file that comes out of a ring: those of the seventh edition, ustar, pax and GNU tar.
///
/// Where GNU tar and bsdtar agree on what an odd header means, this reads it as they do; docs/packages.md#what-is-refused
/// says what is refused instead. Names are bytes.
final class TarReader {
    struct Header {
        enum Kind {
            case file, directory, symlink(target: [UInt8]), hardLink(target: [UInt8])
            /// What no package may have, in words, and what to do.
            case other(String)
        }
        var path: [UInt8]
        var kind: Kind
        /// Permission bits as the header has them, also setuid, setgid and sticky.
        var mode: UInt32
        /// Of the file, with its holes.
        var byteCount: Int64
        var modified: timespec?
    }

    /// What stands in extended headers: names mostly, but also attributes that are not kept.
    private static let extensionLimit = 4 << 20

    private let stream: TarStream
    /// Read, but not used yet.
    private var waiting: TarBlock?
    /// Of the current entry: content in the archive that was not read, and what fills its last block.
    private var restByteCount: Int64 = 0
    private var fillByteCount: Int64 = 0
    private var offset: Int64 = 0
    private var sparse: TarSparse?
    private var name: [UInt8] = []

    /// What headers before the one of the entry itself say of it.
    private struct Before {
        var isThere = false
        var extensions = TarExtensions()
        var longName: [UInt8]?
        var longLink: [UInt8]?
    }

    init(_ ring: BlockRing) { stream = TarStream(ring) }

    /// The next entry; nil at the end of the tar file.
    func next() throws(UnpackError) -> Header? {
        try stream.skip(restByteCount + fillByteCount)
        (restByteCount, fillByteCount) = (0, 0)
        var before = Before()
        while true {
            let place = stream.position
            guard let block = try nextBlock(), !block.isZero else {
                guard !before.isThere else { throw stream.cutOff }
                return nil
            }
            guard block.hasChecksum else {
                throw .damaged(
                    reason: place == 0
                        ? "there is no tar file in it" : "the header at byte \(place) of its tar file is damaged")
            }
            guard let size = block.size, size >= 0, size <= .max - 512, let mode = block.mode else {
                throw .damaged(reason: "the header at byte \(place) of its tar file is damaged")
            }
            switch block.type {
            case UInt8(ascii: "x"), UInt8(ascii: "X"):
                before.extensions = try TarExtensions(content(size), at: place)
            case UInt8(ascii: "g"):
                try refuseNames(TarExtensions(content(size), at: place), block)
                continue
            case UInt8(ascii: "L"): before.longName = Array(try content(size).prefix { $0 != 0 })
            case UInt8(ascii: "K"): before.longLink = Array(try content(size).prefix { $0 != 0 })
            // The label of a volume.
            case UInt8(ascii: "V"):
                try stream.skip(size + Self.fill(size))
                continue
            default: return try entry(block, size, mode, before)
            }
            before.isThere = true
        }
    }

    private func nextBlock() throws(UnpackError) -> TarBlock? {
        if let waiting {
            self.waiting = nil
            return waiting
        }
        let bytes = try stream.bytes(TarBlock.byteCount)
        if bytes.count == TarBlock.byteCount { return TarBlock(bytes) }
        guard bytes.allSatisfy({ $0 == 0 }) else { throw stream.cutOff }
        return nil
    }

    private static func fill(_ size: Int64) -> Int64 { (512 - size % 512) % 512 }

    private func content(_ size: Int64) throws(UnpackError) -> [UInt8] {
        guard size <= Int64(Self.extensionLimit) else {
            throw .tooLarge(reason: "an entry in it has a name or attributes of more than \(Self.extensionLimit) bytes")
        }
        let bytes = try stream.bytes(Int(size))
        guard bytes.count == Int(size) else { throw stream.cutOff }
        try stream.skip(Self.fill(size))
        return bytes
    }

    /// A header for all entries that follow, as git-archive(1) writes one with a comment. GNU tar and bsdtar do not
    /// agree on whether it may rename them.
    private func refuseNames(_ extensions: TarExtensions, _ block: TarBlock) throws(UnpackError) {
        guard extensions.path == nil, extensions.linkPath == nil, extensions.size == nil, !extensions.sparse.isThere
        else {
            throw .refused(
                entry: UnpackPath.printable(block.name),
                reason: "a global header that gives all entries a name or a size; pack without --pax-option")
        }
    }

    // MARK: Entries

    private func entry(
        _ block: TarBlock, _ size: Int64, _ mode: UInt32, _ before: Before
    ) throws(UnpackError) -> Header {
        let extensions = before.extensions
        let path = extensions.sparse.name ?? extensions.path ?? before.longName ?? block.name
        let target = extensions.linkPath ?? before.longLink ?? block.linkName
        let storedSize = extensions.size ?? size
        name = path
        var header = Header(path: path, kind: .file, mode: mode, byteCount: 0)
        if let modified = extensions.modified {
            header.modified = timespec(tv_sec: Int(clamping: modified.seconds), tv_nsec: Int(modified.nanoseconds))
        } else if let modified = block.modified {
            header.modified = timespec(tv_sec: Int(clamping: modified), tv_nsec: 0)
        }
        sparse = nil
        switch block.type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            hold(storedSize)
            header.byteCount = storedSize
            // The seventh edition had no type for folders.
            if path.last == 47 {
                header.kind = .directory
            } else if extensions.sparse.isThere {
                try beginSparse(extensions.sparse)
                header.byteCount = sparse?.byteCount ?? 0
            }
        case UInt8(ascii: "1"):
            try passOverSize(storedSize)
            header.kind = .hardLink(target: target)
        case UInt8(ascii: "2"): header.kind = .symlink(target: target)
        case UInt8(ascii: "3"), UInt8(ascii: "4"):
            header.kind = .other("a device node; leave it out, install.sh can make it")
        case UInt8(ascii: "5"): header.kind = .directory
        case UInt8(ascii: "6"): header.kind = .other("a FIFO; leave it out, install.sh can make it")
        // A folder with the list of what was in it (GNU tar, --listed-incremental).
        case UInt8(ascii: "D"):
            hold(storedSize)
            header.kind = .directory
        case UInt8(ascii: "S") where block.isGNU:
            try beginSparse(block, storedSize)
            hold(storedSize)
            header.byteCount = sparse?.byteCount ?? 0
        case UInt8(ascii: "M"):
            header.kind = .other("a file that goes on from another volume; pack it into one archive")
        default:
            let type = UnpackPath.printable([block.type])
            header.kind = .other("of the unknown type '\(type)'; pack it with GNU tar or bsdtar")
        }
        return header
    }

    private func hold(_ size: Int64) {
        restByteCount = size
        fillByteCount = Self.fill(size)
        offset = 0
    }

    /// A hard link has no content; some old programs give it the size of its file all the same.
    private func passOverSize(_ size: Int64) throws(UnpackError) {
        guard size > 0, let block = try nextBlock() else { return }
        waiting = block
        guard block.isZero || block.hasChecksum else {
            throw .refused(
                entry: UnpackPath.printable(name), reason: "a hard link with content of its own; pack it as a file")
        }
    }

    private func beginSparse(_ notes: TarExtensions.Sparse) throws(UnpackError) {
        guard let size = notes.size else { throw TarSparse.broken }
        guard notes.major > 0 else {
            sparse = try TarSparse(byteCount: size, parts: notes.parts, storedByteCount: restByteCount)
            return
        }
        guard notes.major == 1, notes.minor == 0 else {
            throw .damaged(
                reason: "it has a sparse file in a form that gwe does not know (\(notes.major).\(notes.minor))")
        }
        let map = try TarSparse.readMap(stream, limit: restByteCount)
        restByteCount -= map.byteCount
        sparse = try TarSparse(byteCount: size, parts: map.parts, storedByteCount: restByteCount)
    }

    private func beginSparse(_ block: TarBlock, _ storedSize: Int64) throws(UnpackError) {
        guard let size = block.sparseSize, var (parts, goesOn) = block.sparseParts(isExtension: false) else {
            throw TarSparse.broken
        }
        while goesOn {
            let bytes = try stream.bytes(TarBlock.byteCount)
            guard bytes.count == TarBlock.byteCount else { throw stream.cutOff }
            guard let more = TarBlock(bytes).sparseParts(isExtension: true) else { throw TarSparse.broken }
            parts += more.parts
            goesOn = more.goesOn
            guard parts.count <= TarSparse.partLimit, !goesOn || !more.parts.isEmpty else { throw TarSparse.tooMany }
        }
        sparse = try TarSparse(byteCount: size, parts: parts, storedByteCount: storedSize)
    }

    // MARK: Content

    /// The next piece of the current file's content and where it belongs; nil at its end.
    func nextPiece() throws(UnpackError) -> (offset: Int64, bytes: UnsafeRawBufferPointer)? {
        var limit = restByteCount
        if sparse != nil {
            guard let part = sparse?.next() else { return nil }
            (offset, limit) = (part.offset, part.byteCount)
        }
        guard limit > 0 else { return nil }
        let start = offset
        let bytes = try stream.piece(atMost: limit)
        guard !bytes.isEmpty else { throw stream.cutOff }
        offset += Int64(bytes.count)
        restByteCount -= Int64(bytes.count)
        sparse?.take(Int64(bytes.count))
        return (start, bytes)
    }

    /// Reads on to the end of the package.
    /// - Throws: where anything but zeros follows the end of the tar file.
    func drain() throws(UnpackError) { try stream.drain() }
}
