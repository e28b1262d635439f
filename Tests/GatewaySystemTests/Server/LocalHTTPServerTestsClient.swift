import Foundation
import TestSupport

/// A connection on which a test says every byte itself.
final class RawConnection {
    struct Failure: Error { var what: String }
    struct Answer {
        var status = 0
        var headers: [String: String] = [:]
        var body: [UInt8] = []
    }

    private let fd: Int32
    private var buffer: [UInt8] = []

    init(port: UInt16) throws {
        fd = try Loopback.connect(port)
    }

    init(path: String) throws {
        fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = RawConnection.address(path)
        let (fd, size) = (fd, socklen_t(MemoryLayout<sockaddr_un>.size))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(fd, $0, size) }
        }
        guard result == 0 else { throw Failure(what: "cannot connect: \(errno)") }
    }

    deinit { close(fd) }

    private static func address(_ path: String) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        return address
    }

    /// A socket file as a killed server leaves it.
    static func leaveDeadSocket(_ path: String) throws {
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(fd) }
        var address = address(path)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure(what: "cannot bind: \(errno)") }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        guard Loopback.send(bytes, to: fd) else { throw Failure(what: "cannot send: \(errno)") }
    }

    func shutdownWriting() { shutdown(fd, Int32(SHUT_WR)) }

    private func more() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(fd, &chunk, chunk.count, 0)
        guard count >= 0 else { throw Failure(what: "cannot receive: \(errno)") }
        buffer += chunk.prefix(count)
        return count > 0
    }

    func readToEnd() throws -> [UInt8] {
        while try more() {}
        defer { buffer = [] }
        return buffer
    }

    /// Reads until the text has come; drops everything up to its end.
    func read(until text: String) throws {
        let wanted = Data(text.utf8)
        while true {
            if let range = Data(buffer).range(of: wanted) {
                buffer.removeFirst(range.upperBound)
                return
            }
            guard try more() else { throw Failure(what: "ended before \(text)") }
        }
    }

    /// Sends and reads to the end of the connection, which the server closes.
    func exchange(_ text: String, isHead: Bool = false) throws -> Answer {
        try? send(text)
        let bytes = try readToEnd()
        guard let end = Data(bytes).range(of: Data("\r\n\r\n".utf8)) else { throw Failure(what: "no head") }
        var answer = RawConnection.head(bytes[..<end.lowerBound])
        answer.body = Array(bytes[end.upperBound...])
        return answer
    }

    /// Reads one answer with a length.
    func readAnswer() throws -> Answer {
        let mark = Data("\r\n\r\n".utf8)
        while Data(buffer).range(of: mark) == nil {
            guard try more() else { throw Failure(what: "ended in a head") }
        }
        let end = Data(buffer).range(of: mark)?.upperBound ?? 0
        var answer = RawConnection.head(buffer[..<end])
        let length = Int(answer.headers["content-length"] ?? "0") ?? 0
        while buffer.count < end + length {
            guard try more() else { throw Failure(what: "ended in a body") }
        }
        answer.body = Array(buffer[end..<(end + length)])
        buffer.removeFirst(end + length)
        return answer
    }

    private static func head(_ bytes: ArraySlice<UInt8>) -> Answer {
        var answer = Answer()
        for (index, line) in String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n").enumerated() {
            if index == 0 { answer.status = Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0 }
            guard index > 0, let colon = line.firstIndex(of: ":") else { continue }
            answer.headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return answer
    }
}
