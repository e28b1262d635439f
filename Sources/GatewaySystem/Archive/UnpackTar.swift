internal import CArchive
internal import Glibc

/// The entries of a tar file that comes out of a ring, read by libarchive (ustar, pax, GNU).
final class TarReader {
    struct Header {
        enum Kind { case file, directory, symlink(target: [UInt8]), hardLink(target: [UInt8]), other(String) }
        var path: [UInt8]
        var kind: Kind
        var mode: UInt32
        var byteCount: Int64
        var modified: timespec?
    }

    private let archive: OpaquePointer
    private let feed: Feed
    private var entry: OpaquePointer?

    /// What the read callback works on: libarchive keeps one block until it asks for the next.
    private final class Feed {
        let ring: BlockRing
        var last: Int?
        var lastBytes = UnsafeRawBufferPointer(start: nil, count: 0)
        /// Bytes of all blocks so far.
        var byteCount: Int64 = 0
        var failure: UnpackError?

        init(_ ring: BlockRing) { self.ring = ring }

        func next() -> UnsafeRawBufferPointer? {
            do throws(UnpackError) {
                guard let (index, bytes) = try ring.next(after: last) else {
                    last = nil
                    return nil
                }
                last = index
                lastBytes = bytes
                byteCount += Int64(bytes.count)
                return bytes
            } catch {
                failure = error
                return nil
            }
        }
    }

    init(_ ring: BlockRing) throws(UnpackError) {
        feed = Feed(ring)
        guard let archive = archive_read_new() else { throw .system(SystemError("read package", code: ENOMEM)) }
        self.archive = archive
        archive_read_support_format_tar(archive)
        archive_read_set_callback_data(archive, Unmanaged.passUnretained(feed).toOpaque())
        archive_read_set_read_callback(archive) { archive, context, block in
            guard let context else { return -1 }
            let feed = Unmanaged<Feed>.fromOpaque(context).takeUnretainedValue()
            if let bytes = feed.next() {
                block?.pointee = bytes.baseAddress
                return bytes.count
            }
            return feed.failure == nil ? 0 : -1
        }
        try check(archive_read_open1(archive))
    }

    deinit { archive_read_free(archive) }

    /// The next entry; nil at the end of the tar file.
    func next() throws(UnpackError) -> Header? {
        let code = archive_read_next_header(archive, &entry)
        guard code != ARCHIVE_EOF else { return nil }
        // A warning here is a name that is not in the locale's encoding: it is kept as bytes.
        if code != ARCHIVE_WARN { try check(code) }
        guard let entry, let name = archive_entry_pathname(entry) else {
            throw .damaged(reason: "an entry without a name")
        }
        var header = Header(
            path: Self.bytes(name), kind: .file, mode: UInt32(archive_entry_perm(entry)),
            byteCount: archive_entry_size(entry), modified: nil)
        if archive_entry_mtime_is_set(entry) != 0 {
            header.modified = timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: archive_entry_mtime_nsec(entry))
        }
        if let target = archive_entry_hardlink(entry) {
            header.kind = .hardLink(target: Self.bytes(target))
        } else {
            header.kind = Self.kind(entry)
        }
        return header
    }

    /// The next piece of the current file's content and where it belongs; nil at its end.
    func nextBlock() throws(UnpackError) -> (offset: Int64, bytes: UnsafeRawBufferPointer)? {
        var block: UnsafeRawPointer?
        var count = 0
        var offset: Int64 = 0
        let code = archive_read_data_block(archive, &block, &count, &offset)
        guard code != ARCHIVE_EOF else { return nil }
        try check(code)
        return (offset, UnsafeRawBufferPointer(start: block, count: count))
    }

    /// Reads on to the end of the compressed data, so that its last checksum is checked too.
    func drain() throws(UnpackError) {
        // First what libarchive has not used of its last block.
        let unused = Int(clamping: feed.byteCount - archive_filter_bytes(archive, 0))
        var rest: UnsafeRawBufferPointer? = UnsafeRawBufferPointer(rebasing: feed.lastBytes.suffix(max(0, unused)))
        while let bytes = rest {
            guard bytes.allSatisfy({ $0 == 0 }) else { throw .damaged(reason: "something follows the tar file's end") }
            rest = feed.next()
        }
        if let failure = feed.failure { throw failure }
    }

    private func check(_ code: Int32) throws(UnpackError) {
        guard code != ARCHIVE_OK else { return }
        if let failure = feed.failure { throw failure }
        throw .damaged(reason: "the tar data is damaged (\(ArchiveError.reason(of: archive)))")
    }

    private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    private static func kind(_ entry: OpaquePointer) -> Header.Kind {
        switch archive_entry_filetype(entry) {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symlink(target: archive_entry_symlink(entry).map(bytes) ?? [])
        case S_IFIFO: .other("a FIFO")
        case S_IFSOCK: .other("a socket")
        case S_IFCHR, S_IFBLK: .other("a device node")
        default: .other("neither file, folder nor link")
        }
    }
}
