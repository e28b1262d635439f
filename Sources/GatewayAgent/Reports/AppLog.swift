public import GatewayModel
internal import Glibc
internal import GatewaySystem

/// An app's log file for readers: its end, and what is appended later, across rotations.
public struct AppLog: Sendable {
    public let path: String

    public init(of app: AppName, _ context: GatewayContext) { path = LogTail.path(of: app, context) }

    public var exists: Bool { FileTree.exists(path) }

    public func tail(count: Int) -> [String] { LogTail.lines(ofFile: path, count: count) }

    /// Gives away what is appended from now on; returns never. A rotated file is read to its end before the new one.
    public func follow(_ write: (String) -> Void) {
        var fd = open(path, O_RDONLY | O_CLOEXEC)
        if fd >= 0 { lseek(fd, 0, SEEK_END) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = fd < 0 ? 0 : buffer.withUnsafeMutableBytes { read(fd, $0.baseAddress, $0.count) }
            if count > 0 {
                write(String(decoding: buffer[..<count], as: UTF8.self))
                continue
            }
            if let next = reopened(fd) { fd = next } else { usleep(250_000) }
        }
    }

    /// The new file when the name leads to another one now, or when this one was cut.
    private func reopened(_ fd: Int32) -> Int32? {
        var now = stat()
        guard stat(path, &now) == 0 else { return nil }
        var old = stat()
        if fd >= 0, fstat(fd, &old) == 0, old.st_ino == now.st_ino, old.st_dev == now.st_dev {
            if lseek(fd, 0, SEEK_CUR) > now.st_size { lseek(fd, 0, SEEK_SET) }
            return nil
        }
        let next = open(path, O_RDONLY | O_CLOEXEC)
        guard next >= 0 else { return nil }
        if fd >= 0 { close(fd) }
        return next
    }
}
