internal import CArchive
internal import Glibc

/// What libarchive could not do: "cannot write archive app.v1.tar.gz: no space left on device".
public struct ArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
    /// "write archive /tmp/app.v1.tar.gz".
    public var action: String
    /// Why not, in the words of libarchive or the system; begins with a small letter.
    public var reason: String

    /// - Parameter action: what was tried and on what, without "cannot".
    public init(_ action: String, reason: String) {
        self.action = action
        self.reason = reason
    }

    init(_ error: SystemError) { self.init(error.action, reason: error.reason) }

    /// Takes the reason from libarchive's handle.
    init(_ action: String, from archive: OpaquePointer) { self.init(action, reason: Self.reason(of: archive)) }

    static func reason(of archive: OpaquePointer) -> String {
        guard let words = archive_error_string(archive) else { return "unknown error" }
        return String(cString: words).lowercasedFirst
    }

    /// "cannot", the action, a colon and the reason.
    public var description: String { "cannot \(action): \(reason)" }
}

extension SystemError {
    /// Only the reason: "permission denied (13)".
    var reason: String { String(description.dropFirst("cannot \(action): ".count)) }
}
