internal import CLinux
internal import Glibc

/// A failed system call. Reads "cannot open /etc/gwe/manifest.yaml: permission denied (13)".
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried and on what: "open /etc/gwe/manifest.yaml".
    public var action: String
    /// errno(3).
    public var code: Int32

    /// - Parameters:
    ///   - action: what was tried and on what, without "cannot".
    ///   - code: a value of errno(3).
    public init(_ action: String, code: Int32) {
        self.action = action
        self.code = code
    }

    /// Takes the calling thread's errno: call it before anything else can change it.
    public static func last(_ action: String) -> SystemError { SystemError(action, code: errno) }

    /// "cannot", the action, then the words of strerror(3) and the number.
    public var description: String { "cannot \(action): \(cause) (\(code))" }

    /// The words of the code; of a file that may not grow also the limit that stands in the way, where there is one.
    private var cause: String {
        var limit: UInt64 = 0
        guard isOfFileSize, gwe_file_size_limit(&limit) == 0 else { return SystemError.words(code) }
        return "no file may have more than \(limit) bytes here (ulimit -f, LimitFSIZE= of the unit): "
            + SystemError.words(code)
    }

    /// strerror(3) with a small first letter.
    static func words(_ code: Int32) -> String {
        String(cString: strerror(code)).lowercasedFirst
    }

    /// The storage takes no writes: it is read-only, full, or ended by an error.
    public var isUnwritableStorage: Bool { isNoSpace || code == EROFS || code == EIO }

    /// The disk or the quota is full.
    public var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }

    /// A file could not grow any more: the file system or a limit of this process (RLIMIT_FSIZE) does not let it. The same
    /// code stands for a file that is too large to be read.
    var isOfFileSize: Bool { code == EFBIG && action.hasPrefix("write ") }

    /// This process or the machine has no descriptor or memory left for now.
    public var isOfResources: Bool { [EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code) }
    /// Whether this machine lacks something that it may have again in a minute: space, memory, descriptors, a disk that
    /// can be read and written.
    public var isShortage: Bool {
        switch code {
        case ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE, EAGAIN, EROFS, EIO: true
        default: isOfFileSize
        }
    }

    /// Whether the same call will fail again until somebody does something.
    public var isPermanent: Bool {
        switch code {
        case EINTR, EAGAIN, ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE, EBUSY, ETIMEDOUT: false
        default: !isOfFileSize
        }
    }
}
