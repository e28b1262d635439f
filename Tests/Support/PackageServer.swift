import Foundation
import GatewaySystem
import Glibc
import Synchronization

/// A server of packages on 127.0.0.1 whose every byte a test decides: one request a connection, one answer.
public final class PackageServer: Sendable {
    /// The head of a request, as it came.
    public struct Request: Sendable {
        /// The lines of the head.
        public var lines: [String]
        /// The first byte of `Range: bytes=N-`; nil where the whole is asked for.
        public var rangeStart: Int? {
            header("range").flatMap { $0.hasPrefix("bytes=") ? Int($0.dropFirst(6).prefix { $0 != "-" }) : nil }
        }
        /// The path, with what follows it.
        public var target: String { lines.first?.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
        /// The value of a header; nil where there is none.
        public func header(_ name: String) -> String? {
            lines.dropFirst().first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
                .map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
        }
    }

    private struct State {
        var requests: [Request] = []
        var sentByteCount = 0
        var isStopped = false
    }

    private let listener: Int32
    /// Where it listens.
    public let port: UInt16
    private let state = Lock(State())
    private let handler: @Sendable (Request, Int) -> [UInt8]

    /// - Parameter handler: makes the answer, head and body, from a request and its index.
    public init(_ handler: @escaping @Sendable (Request, Int) -> [UInt8]) throws {
        self.handler = handler
        (listener, port) = try Loopback.listen()
        Thread.detachNewThread { [self] in serve() }
    }

    /// The address, without a slash at the end.
    public var url: String { "http://127.0.0.1:\(port)" }
    /// The requests so far.
    public var requests: [Request] { state.withLock { $0.requests } }

    /// Ends the thread.
    public func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// An answer with a `Content-Length`, unless other headers are given.
    public static func answer(
        _ body: [UInt8], status: String = "200 OK", headers: [String]? = nil, cutAfter limit: Int = .max
    ) -> [UInt8] {
        let headers = headers ?? ["Content-Length: \(body.count)"]
        let head = (["HTTP/1.1 \(status)", "Connection: close"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
        return Array(head.utf8) + body.prefix(limit)
    }

    /// An answer without a length, in chunks.
    public static func chunked(_ body: [UInt8]) -> [UInt8] {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        return Array("\(head)\(String(body.count, radix: 16))\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8)
    }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0, !state.withLock({ $0.isStopped }) else { break }
            if let request = PackageServer.read(connection) {
                let index = state.withLock {
                    $0.requests.append(request)
                    return $0.requests.count - 1
                }
                Loopback.send(handler(request, index), to: connection)
            }
            shutdown(connection, Int32(SHUT_WR))
            var rest = [UInt8](repeating: 0, count: 4_096)
            while recv(connection, &rest, rest.count, 0) > 0 {}
            close(connection)
        }
        close(listener)
    }

    private static func read(_ connection: Int32) -> Request? {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while received.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0, received.count < 1 << 20 else { return nil }
            received += buffer[..<count]
        }
        let text = String(decoding: received, as: UTF8.self)
        return Request(lines: text.split(separator: "\r\n").map(String.init))
    }
}

/// A small file system of its own, in memory, mounted while the object lives. Only root can make one.
public final class SmallDisk: Sendable {
    /// Where it is mounted.
    public let path: String

    /// - Parameters:
    ///   - path: the folder that it is mounted on; it is made.
    ///   - size: as tmpfs has it: "20m".
    public init(_ path: String, size: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(size)") == 0 else {
            throw TestFailure("mount a tmpfs on \(path): \(errno)")
        }
    }

    deinit { unmount() }

    /// Takes it away, whatever still uses it. To be called before the folder above it is removed.
    public func unmount() { umount2(path, Int32(MNT_DETACH)) }

    /// Bytes that are free.
    public var freeByteCount: Int64 { (try? FileSystemInfo(containing: path).availableByteCount) ?? -1 }

    /// Writes a file until so many bytes are free, or nothing more fits.
    public func fill(_ name: String = "filler", leaving free: Int64 = 0) throws {
        let fd = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw TestFailure("make a filler in \(path): \(errno)") }
        defer { close(fd) }
        let page = [UInt8](repeating: 0x5A, count: 4_096)
        while freeByteCount > free, write(fd, page, page.count) > 0 {}
    }
}

/// Content that does not compress; after a mebibyte it begins anew.
public func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < min(count, 1 << 20) {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
    }
    while bytes.count < count { bytes += bytes.prefix(count - bytes.count) }
    return Array(bytes.prefix(count))
}
