internal import Glibc

extension FileTree {
    /// What a try to connect has shown: somebody listens; nobody does, or it is no socket; this process may not.
    public enum SocketAnswer: Sendable, Hashable { case answers, nobody, notPermitted }

    /// Whether somebody listens on a Unix socket (unix(7)).
    public static func canConnect(_ path: String) -> SocketAnswer {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return .nobody }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return .nobody }
        defer { close(fd) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result == 0 { return .answers }
        return errno == EACCES || errno == EPERM ? .notPermitted : .nobody
    }

    /// Why nobody should listen or connect at a socket's path; nil when that is safe. In a folder that everybody may write
    /// to, anybody could put a socket of his own there; so could the owner of a folder that is neither ours nor root's,
    /// except for his own.
    public static func distrust(ofSocket path: String) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let folder = parts.count <= 1 ? "/" : parts.joined(separator: "/")
        var (place, socket) = (stat(), stat())
        guard stat(folder, &place) == 0 else { return nil }
        if place.st_mode & 0o002 != 0 { return "everybody may write to its folder \(folder)" }
        guard lstat(path, &socket) == 0 else { return nil }
        let trusted = [0, geteuid(), place.st_uid]
        return trusted.contains(socket.st_uid) ? nil : "it belongs to user \(socket.st_uid)"
    }
}
