internal import Glibc

/// What belongs to a release: every file, folder and symlink as it was after the install step (D15).
///
/// Kept as the text that is on disk, so that checking a thousand releases parses in place and allocates little:
/// ```
/// gwe-inventory 1
/// app gmq_demo
/// version 5
/// artifact <SHA-256 of the tarball>
/// origin https://…
/// size <sum of the files' bytes>
///
/// d 755 bin
/// f 755 <bytes> <seconds>.<nanoseconds> <inode> <SHA-256> bin/app
/// l ../lib/app.so bin/plugin
/// end <SHA-256 of every byte before this line>
/// ```
/// Paths come sorted, as bytes; in them, backslash, space and line feed are written `\\`, `\s`, `\n`.
public struct Inventory: Sendable, Hashable {
    /// What the release is and where it came from: enough to rebuild a lost journal.
    public struct Release: Sendable, Hashable {
        /// The app's name.
        public var app: String
        /// The version, as in the name of the package.
        public var version: String
        /// Of the whole artifact, 64 lower-case hexadecimal digits.
        public var artifactDigest: String
        /// The URL, content name or path it came from, without credentials. Empty if unknown.
        public var origin: String

        /// A release as it is to be written down; nothing is checked.
        public init(app: String, version: String, artifactDigest: String, origin: String) {
            self.app = app
            self.version = version
            self.artifactDigest = artifactDigest
            self.origin = origin
        }
    }

    /// One name in a release. What an app adds later has none and is no drift.
    public struct Entry: Sendable, Hashable {
        /// What the entry is, and what must stay the same of it.
        public enum Kind: Sendable, Hashable {
            /// A regular file.
            case file(FileState)
            case directory
            /// A symbolic link, with its text as bytes; it need not lead anywhere.
            case symlink(target: [UInt8])
        }

        /// Relative to the release folder; bytes, because names need not be UTF-8.
        public var path: [UInt8]
        /// Permission bits, of a file with setuid, setgid and sticky. 0o777 for a symlink.
        public var mode: UInt32
        /// File, folder or symlink.
        public var kind: Kind
    }

    /// A regular file as it was after the install step.
    public struct FileState: Sendable, Hashable {
        /// Size in bytes.
        public var byteCount: Int64
        /// Time of the last change of the content (mtime).
        public var modified: FileTime
        /// Inode number. A file that was replaced or restored has another one as a rule; then `verify` reads
        /// its content.
        public var inode: UInt64
        /// SHA-256 of the content.
        public var digest: SHA256Digest
    }

    /// As in `struct timespec`.
    public struct FileTime: Sendable, Hashable {
        /// Since 1970-01-01 UTC; negative before.
        public var seconds: Int64
        /// 0 to 999,999,999.
        public var nanoseconds: Int64
    }

    /// The release that the entries belong to.
    public let release: Release
    /// Sum of the sizes of all files.
    public let byteCount: Int64
    /// Over the whole text: two inventories are the same exactly if their digests are.
    public let digest: String
    let text: [UInt8]
    /// Where the entries lie in `text`.
    let body: Range<Int>

    /// About what a file's line has beside its path.
    private static let factByteCount = 128

    /// Makes the text in memory; nothing is written to the disk.
    /// - Parameter entries: in any order; they come out sorted by path.
    public init(_ release: Release, entries: some Sequence<Entry>) {
        let sorted = entries.sorted { $0.path.lexicographicallyPrecedes($1.path) }
        var byteCount: Int64 = 0
        for entry in sorted { if case .file(let file) = entry.kind { byteCount += file.byteCount } }
        var writer = InventoryWriter()
        // Text that grows by doubling is there twice meanwhile: the most memory that an install takes.
        writer.bytes.reserveCapacity(sorted.reduce(1024) { $0 + $1.path.count + Self.factByteCount })
        writer.line("gwe-inventory", "1")
        writer.line("app", release.app)
        writer.line("version", release.version)
        writer.line("artifact", release.artifactDigest)
        writer.line("origin", release.origin)
        writer.line("size", String(byteCount))
        writer.bytes.append(10)
        let start = writer.bytes.count
        for entry in sorted { writer.entry(entry) }
        let end = writer.bytes.count
        let digest = SHA256.hex(of: writer.bytes)
        writer.line("end", digest)
        self.release = release
        self.byteCount = byteCount
        self.digest = digest
        text = writer.bytes
        body = start..<end
    }

    /// Every entry, sorted by path.
    public var entries: [Entry] {
        var copy = text
        var entries: [Entry] = []
        copy.withUnsafeMutableBytes { bytes in
            var reader = InventoryReader(UnsafeMutableRawBufferPointer(rebasing: bytes[body]))
            while let line = reader.next() { entries.append(line.entry()) }
        }
        return entries
    }

    /// Writes the inventory so that it is whole or not there (`AtomicFile`).
    public func write(to path: String, isDurable: Bool = true) throws(SystemError) {
        try AtomicFile.write(text, to: path, isDurable: isDurable)
    }

    /// Whether both have the same digest, and so the same text.
    public static func == (a: Self, b: Self) -> Bool { a.digest == b.digest }

    /// By the digest.
    public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// Builds the text.
struct InventoryWriter {
    var bytes: [UInt8] = []

    mutating func line(_ key: String, _ value: String) {
        bytes.append(contentsOf: key.utf8)
        bytes.append(32)
        escaped(Array(value.utf8))
        bytes.append(10)
    }

    mutating func entry(_ entry: Inventory.Entry) {
        switch entry.kind {
        case .directory: plain("d \(String(entry.mode, radix: 8)) ")
        case .file(let file):
            plain("f \(String(entry.mode, radix: 8)) \(file.byteCount) ")
            plain("\(file.modified.seconds).\(file.modified.nanoseconds) \(file.inode) \(file.digest.hex) ")
        case .symlink(let target):
            plain("l ")
            escaped(target)
            bytes.append(32)
        }
        escaped(entry.path)
        bytes.append(10)
    }

    private mutating func plain(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func escaped(_ text: [UInt8]) {
        for byte in text {
            switch byte {
            case 92: bytes += [92, 92]
            case 32: bytes += [92, 115]
            case 10: bytes += [92, 110]
            default: bytes.append(byte)
            }
        }
    }
}
