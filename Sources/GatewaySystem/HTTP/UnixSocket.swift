internal import Glibc

extension FileTree {
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
}
