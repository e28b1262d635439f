/// Why a package was not unpacked. Nothing is left behind in any case.
public enum UnpackError: Error, Sendable, Hashable, CustomStringConvertible {
    /// An entry that no package may have. Its name is printable.
    case refused(entry: String, reason: String)
    /// More entries, bytes or compression than `UnpackLimits` allow.
    case tooLarge(reason: String)
    /// Not a gzip, zstd or xz file with a tar in it, cut off, or with a wrong checksum.
    case damaged(reason: String)
    /// This machine's fault: no space, I/O error.
    case system(SystemError)
    /// This machine's fault: the package would take more inodes than may be taken.
    case noInode(reason: String)
    /// The file that was read while it grew was given up, or began anew with other content.
    case sourceEnded(reason: String)

    /// A sentence for people; it names the entry where one was refused.
    public var description: String {
        switch self {
        case .refused(let entry, let reason): "cannot unpack entry '\(entry)': \(reason)"
        case .tooLarge(let reason): "cannot unpack package: \(reason)"
        case .damaged(let reason): "cannot unpack package: \(reason)"
        case .system(let error): error.description
        case .noInode(let reason): "no inode is left for the package: \(reason)"
        case .sourceEnded(let reason): "cannot unpack package: \(reason)"
        }
    }

    /// Whether the content is not what it should be, so that it may have been changed or cut off on its way.
    public var isOfContent: Bool { if case .damaged = self { true } else { false } }

    /// Whether it may come from how the bytes were decoded, rather than from this machine or a limit.
    var isOfBytes: Bool {
        switch self {
        case .damaged, .refused: true
        default: false
        }
    }

    /// Whether the same bytes can never be unpacked under the same limits.
    public var isPermanent: Bool {
        switch self {
        case .refused, .tooLarge, .damaged: true
        case .system(let error): error.isPermanent
        case .noInode: false
        case .sourceEnded: false
        }
    }
}

/// What a package may hold at most. The defaults fit a gateway with some gigabytes of flash.
public struct UnpackLimits: Sendable, Hashable {
    /// Files, folders and links, also those folders that have no entry of their own.
    public var entryCount = 200_000
    /// Sum of all files' sizes; holes of sparse files count.
    public var byteCount: Int64 = 8 << 30
    /// Unpacked bytes for each byte of the package, once 64 MiB are unpacked.
    public var ratio: Int64 = 200
    /// Bytes of one path, and its components.
    public var pathByteCount = 1024
    /// How many folders and names one path may have at most.
    public var pathDepth = 64
    /// What a decompressor may take for itself: xz -9 needs 65 MiB, zstd --ultra -22 needs 128 MiB.
    public var decoderByteCount: Int64 = 136 << 20
    /// Whether files may be setuid or setgid (`policy`).
    public var allowsSetuid = false

    /// All limits at their defaults.
    public init() {}
}
