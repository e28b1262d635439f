internal import CArchive
internal import Glibc

/// Writes compressed tar files that are the same byte for byte whenever their content is: entries sorted by path, one
/// time for all, owner and group 0 without names, no time and no name in the gzip header (RFC 1952).
///
/// The format is GNU's, which every tar reads and which keeps names as bytes. The same bytes are promised for the same
/// version of the compression library.
public enum TarWriter {
    /// One name in the archive.
    public struct Entry: Sendable, Hashable {
        /// What is stored under the name.
        public enum Content: Sendable, Hashable {
            /// The content of the regular file at this path. A symlink there is followed.
            case file(String)
            /// A symbolic link with this text, which is stored as it is.
            case symlink(target: String)
            /// A folder, without what is in it.
            case directory
        }

        /// Relative, with `/` between components.
        public var path: String
        /// What is stored under the name.
        public var content: Content
        /// Permission bits. Ignored for symlinks.
        public var mode: UInt32

        /// An entry as it is to be written; nothing is checked or read yet.
        public init(path: String, content: Content, mode: UInt32) {
            self.path = path
            self.content = content
            self.mode = mode
        }
    }

    /// How the tar file is compressed: gzip at level 9, zstd at level 19, xz at libarchive's default.
    public enum Compression: Sendable, Hashable, CaseIterable {
        case gzip, zstd, xz

        /// By the ending of a file's name: .tar.gz, .tgz, .tar.zst, .tar.xz.
        public init?(fileName: String) {
            if fileName.hasSuffix(".tar.gz") || fileName.hasSuffix(".tgz") {
                self = .gzip
            } else if fileName.hasSuffix(".tar.zst") {
                self = .zstd
            } else if fileName.hasSuffix(".tar.xz") {
                self = .xz
            } else {
                return nil
            }
        }
    }

    /// Writes the archive `path`, replacing one that is there only when the new one is whole.
    /// - Parameters:
    ///   - entries: in any order; a path may come once only. Folders need no entries of their own.
    ///   - modificationTime: seconds since 1970 for every entry; callers pass SOURCE_DATE_EPOCH if it is set
    ///     (https://reproducible-builds.org/specs/source-date-epoch/).
    public static func write(
        _ entries: [Entry], to path: String, compression: Compression = .gzip, modificationTime: Int64 = 0
    ) throws(ArchiveError) {
        let sorted = entries.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        for (entry, next) in zip(sorted, sorted.dropFirst()) where entry.path == next.path {
            throw ArchiveError("write archive \(path)", reason: "'\(entry.path)' is listed twice")
        }
        let temporary = path + ".new"
        do throws(ArchiveError) {
            unlink(temporary)
            let file = try opened(temporary, O_WRONLY | O_CREAT | O_EXCL, "write archive \(path)")
            let writer = try Writer(file.descriptor, path: path, compression, modificationTime)
            for entry in sorted { try writer.add(entry) }
            try writer.finish()
            guard fsync(file.descriptor) == 0, rename(temporary, path) == 0 else {
                throw ArchiveError(.last("write archive \(path)"))
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    fileprivate static func opened(_ path: String, _ flags: Int32, _ action: String) throws(ArchiveError) -> OpenFile {
        do { return try OpenFile(path: path, flags: flags, mode: 0o644) } catch {
            throw ArchiveError(action, reason: error.description)
        }
    }
}

/// libarchive's writer and one entry that is filled again and again.
private final class Writer {
    private let archive: OpaquePointer
    private let header: OpaquePointer
    private let path: String
    private let modificationTime: Int64
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)

    init(
        _ descriptor: Int32, path: String, _ compression: TarWriter.Compression, _ time: Int64
    ) throws(ArchiveError) {
        guard let archive = archive_write_new() else {
            throw ArchiveError("write archive \(path)", reason: "out of memory")
        }
        guard let header = archive_entry_new() else {
            archive_write_free(archive)
            throw ArchiveError("write archive \(path)", reason: "out of memory")
        }
        self.archive = archive
        self.header = header
        self.path = path
        modificationTime = time
        try check(archive_write_set_format_gnutar(archive))
        switch compression {
        case .gzip:
            try check(archive_write_add_filter_gzip(archive))
            try check(archive_write_set_options(archive, "gzip:!timestamp,gzip:compression-level=9"))
        case .zstd:
            try check(archive_write_add_filter_zstd(archive))
            try check(archive_write_set_options(archive, "zstd:compression-level=19"))
        case .xz: try check(archive_write_add_filter_xz(archive))
        }
        try check(archive_write_set_bytes_per_block(archive, 10240))
        try check(archive_write_open_fd(archive, descriptor))
    }

    deinit {
        archive_entry_free(header)
        archive_write_free(archive)
    }

    func add(_ entry: TarWriter.Entry) throws(ArchiveError) {
        archive_entry_clear(header)
        archive_entry_set_pathname(header, entry.path)
        archive_entry_set_mtime(header, time_t(modificationTime), 0)
        archive_entry_set_uid(header, 0)
        archive_entry_set_gid(header, 0)
        archive_entry_set_size(header, 0)
        let permissions = mode_t(entry.mode & 0o7777)
        switch entry.content {
        case .directory:
            archive_entry_set_mode(header, S_IFDIR | permissions)
            try check(archive_write_header(archive, header), entry.path)
        case .symlink(let target):
            archive_entry_set_mode(header, S_IFLNK | 0o777)
            archive_entry_set_symlink(header, target)
            try check(archive_write_header(archive, header), entry.path)
        case .file(let source):
            archive_entry_set_mode(header, S_IFREG | permissions)
            try copy(source, as: entry.path)
        }
    }

    private func copy(_ source: String, as name: String) throws(ArchiveError) {
        let file = try TarWriter.opened(source, O_RDONLY, "add '\(name)' to archive \(path)")
        do throws(SystemError) {
            let status = try file.status(named: source)
            guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("read \(source)", code: EINVAL) }
            archive_entry_set_size(header, Int64(status.st_size))
        } catch { throw ArchiveError(error) }
        try check(archive_write_header(archive, header), name)
        var missing = archive_entry_size(header)
        while missing > 0 {
            let count: Int
            do { count = try file.readSome(into: &buffer, named: source) } catch { throw ArchiveError(error) }
            let wanted = Int(min(Int64(count), missing))
            guard wanted > 0 else { throw changed(source) }
            let written = buffer.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, wanted) }
            guard written == wanted else { throw ArchiveError("add '\(name)' to archive \(path)", from: archive) }
            missing -= Int64(wanted)
            guard count == wanted else { throw changed(source) }
        }
    }

    private func changed(_ source: String) -> ArchiveError {
        ArchiveError("add \(source) to archive \(path)", reason: "it changed while it was read")
    }

    func finish() throws(ArchiveError) { try check(archive_write_close(archive)) }

    /// Warnings count as failures: a name that could not be written as it is would be one.
    private func check(_ code: Int32, _ name: String? = nil) throws(ArchiveError) {
        guard code != ARCHIVE_OK else { return }
        throw ArchiveError(name.map { "add '\($0)' to archive \(path)" } ?? "write archive \(path)", from: archive)
    }
}
