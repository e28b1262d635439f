internal import Glibc

/// An open folder whose entries are read one after another (readdir(3)), in no order; closed when its owner is gone.
///
/// The entries of a folder lie one behind the other in a buffer of the C library, each as long as its name needs
/// (`d_reclen`), though the declaration of `d_name` has 256 bytes. So a name is copied up to its NUL and never beyond its
/// entry: behind the last one may lie memory of somebody else, or none.
struct FolderReader: ~Copyable {
    struct Entry: Sendable, Hashable {
        /// The bytes of the name, without a NUL; they need not be UTF-8.
        var bytes: [UInt8]
        /// What the entry is; nil where the file system does not say it here (lstat(2) then does).
        var kind: FileTree.Kind?

        /// The name as text; bytes that are not UTF-8 are shown as U+FFFD.
        var name: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let stream: OpaquePointer
    private let path: String

    /// Opens a folder, following a symlink there.
    init(_ path: String) throws(SystemError) {
        let opened = retrying { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard opened >= 0 else { throw .last("open \(path)") }
        try self.init(owning: opened, called: path)
    }

    /// Opens an open folder anew: fdopendir(3) takes its descriptor over, and a duplicate would share the position.
    /// - Parameter path: its name in errors.
    init(in folder: Int32, called path: String) throws(SystemError) {
        let opened = retrying { openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard opened >= 0 else { throw .last("read folder \(path)") }
        try self.init(owning: opened, called: path)
    }

    /// Takes over a descriptor, also when it fails.
    init(owning descriptor: Int32, called path: String) throws(SystemError) {
        guard let stream = fdopendir(descriptor) else {
            let error = SystemError.last("read folder \(path)")
            close(descriptor)
            throw error
        }
        self.stream = stream
        self.path = path
    }

    deinit { closedir(stream) }

    /// The folder itself, for calls such as fstatat(2); open as long as the reader is.
    var descriptor: Int32 { dirfd(stream) }

    /// The next entry, `.` and `..` left out; nil after the last.
    mutating func next() throws(SystemError) -> Entry? {
        while true {
            // Only errno tells the end from a failure.
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw .last("read folder \(path)") }
                return nil
            }
            let found = FolderReader.entry(at: entry)
            if !FolderReader.isFolderItself(found.bytes) { return found }
        }
    }

    private static func isFolderItself(_ name: [UInt8]) -> Bool {
        name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
    }

    /// Copies what the C library shows.
    static func entry(at place: UnsafePointer<dirent>) -> Entry {
        let room = UnsafeRawBufferPointer(start: place, count: Int(place.pointer(to: \.d_reclen)?.pointee ?? 0))
        let name = room.dropFirst(nameOffset).prefix { $0 != 0 }
        return Entry(bytes: Array(name), kind: FileTree.Kind(entryType: place.pointer(to: \.d_type)?.pointee ?? 0))
    }

    /// Bytes from the start of an entry to its name.
    static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
}

extension FileTree.Kind {
    /// - Parameter entryType: `d_type` of readdir(3).
    fileprivate init?(entryType: UInt8) {
        switch Int(entryType) {
        case Int(DT_REG): self = .file
        case Int(DT_DIR): self = .directory
        case Int(DT_LNK): self = .symlink
        case Int(DT_UNKNOWN): return nil
        default: self = .other
        }
    }
}
