internal import Glibc

/// Why a log is not written, in words: "cannot open log /x/web.log: is a directory (21)".
public struct LogTrouble: Error, Sendable, Hashable, CustomStringConvertible {
    /// The whole sentence, with the path of the log.
    public var description: String
    /// Whether a later attempt may succeed at once: a reader is slow, or no descriptor is left for a moment.
    var isBusy = false
    /// Whether there is no such file.
    var isAbsent = false
    /// Whether this process may not open it.
    public private(set) var isNotPermitted = false

    init(_ error: SystemError) {
        description = error.description
        isBusy = error.code == EAGAIN || error.code == EMFILE || error.code == ENFILE
        isAbsent = error.code == ENOENT
        isNotPermitted = error.code == EACCES || error.code == EPERM
    }

    /// What is refused although the kernel would do it.
    init(refused path: String, _ why: String) { description = "cannot open log \(path): \(why)" }
}
