internal import Glibc

extension FileTree {
    /// What a try to connect has shown: somebody listens; nobody does, or it is no socket; this process may not.
    public enum SocketAnswer: Sendable, Hashable { case answers, nobody, notPermitted }

    /// Whether somebody listens on a Unix socket (unix(7)).
    public static func canConnect(_ path: String) -> SocketAnswer {
        switch connect(path) {
        case .connected(let fd):
            close(fd)
            return .answers
        // Its queue is full, so there is one.
        case .failed(EAGAIN): return .answers
        case .failed(EACCES), .failed(EPERM): return .notPermitted
        case .failed: return .nobody
        }
    }

    private enum Connected {
        case connected(Int32)
        case failed(Int32)
    }

    /// Never waits: a listener that is stopped has a queue that may be full.
    private static func connect(_ path: String) -> Connected {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return .failed(ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let fd = socket(AF_UNIX, type, 0)
        guard fd >= 0 else { return .failed(errno) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result == 0 { return .connected(fd) }
        let code = errno
        close(fd)
        return .failed(code)
    }

    /// What an HTTP server on a Unix socket shows of itself. The pid is that of the process that began to listen
    /// (SO_PEERCRED, unix(7)); nil where it is not known.
    public enum SignOfLife: Sendable, Hashable {
        /// It answers requests.
        case answers(pid: Int32?)
        /// It listens and does not answer: it hangs, or was stopped.
        case silent(pid: Int32?)
        /// Nobody listens, or it is no socket.
        case nobody
        /// This process may not connect.
        case notPermitted
    }

    /// Asks the HTTP server at a socket for anything at all, and waits for the first byte of an answer.
    public static func signOfLife(ofServer path: String, within patience: Duration) -> SignOfLife {
        let end = MonotonicTime.now + patience
        while true {
            switch connect(path) {
            case .connected(let fd):
                defer { close(fd) }
                let pid = peer(of: fd)
                return hasAnswer(fd, until: end) ? .answers(pid: pid) : .silent(pid: pid)
            case .failed(EAGAIN):
                // Its queue is full: it may get to it.
                guard MonotonicTime.now < end else { return .silent(pid: nil) }
                usleep(20_000)
            case .failed(EACCES), .failed(EPERM): return .notPermitted
            case .failed: return .nobody
            }
        }
    }

    /// Any status is a sign of life, and so is a connection that is closed at once.
    private static func hasAnswer(_ fd: Int32, until end: MonotonicTime) -> Bool {
        let request = Array("GET /v1/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        // The socket's buffer is empty, so it takes all of it at once.
        guard send(fd, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return true }
        while true {
            let rest = MonotonicTime.now.duration(to: end)
            guard rest > .zero else { return false }
            var descriptor = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            let count = poll(&descriptor, 1, Int32(rest / .milliseconds(1)) + 1)
            if count > 0 { return true }
            if count < 0, errno != EINTR { return false }
        }
    }

    private static func peer(of fd: Int32) -> Int32? {
        // struct ucred: pid, uid, gid.
        var credentials: [Int32] = [0, 0, 0]
        var length = socklen_t(MemoryLayout<Int32>.size * credentials.count)
        guard getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, credentials[0] > 0 else {
            return nil
        }
        return credentials[0]
    }

    /// The name of the group that a file belongs to, where that may use it and is not root's; nil otherwise.
    public static func groupName(of path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_gid != 0, status.st_mode & 0o020 != 0 else { return nil }
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getgrgid_r(status.st_gid, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let name = entry.gr_name
        else { return nil }
        return String(cString: name)
    }

    /// Takes away a plain file that lies where a socket is to be made, in a folder of gwe's own: a copied or restored state
    /// folder has one. Anything else that is no socket is named.
    public static func makeRoom(forSocket path: String) throws(SystemError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        let what: String
        switch status.st_mode & S_IFMT {
        case S_IFSOCK: return
        case S_IFREG:
            guard unlink(path) == 0 || errno == ENOENT else { throw SystemError.last("remove \(path)") }
            return
        case S_IFDIR: what = "a folder"
        case S_IFLNK: what = "a symbolic link"
        default: what = "a pipe or a device"
        }
        throw SystemError("listen on \(path), because \(what) is there: remove it", code: EEXIST)
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
