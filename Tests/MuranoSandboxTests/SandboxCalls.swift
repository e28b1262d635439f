import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport

extension SandboxFixture {
    /// A sandbox with one activated device.
    static func activated() throws -> SandboxFixture {
        let fixture = try SandboxFixture()
        fixture.token = try fixture.call("POST", "/provision/activate", body: "id=\(fixture.id)", token: nil).text
        return fixture
    }

    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// One request with the form's content type, if it has a body, and this device's token.
    func call(
        _ method: String, _ target: String, body: String? = nil, headers: [String] = [], token: String? = "own",
        type: String? = "application/x-www-form-urlencoded; charset=utf-8"
    ) throws -> Answer {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: x", "Connection: close"] + headers
        if let token { lines.append("X-Exosite-CIK: \(token == "own" ? self.token : token)") }
        if let body {
            lines.append("Content-Length: \(body.utf8.count)")
            if let type { lines.append("Content-Type: \(type)") }
        }
        return try raw(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    }

    /// Sends these bytes on a new connection and reads to its end. Status 0: no answer.
    func raw(_ text: String) throws -> Answer {
        let fd = try connect()
        defer { close(fd) }
        Loopback.send(Array(text.utf8), to: fd)
        return SandboxFixture.readAnswer(fd)
    }

    func connect() throws -> Int32 { try Loopback.connect(port) }

    static func readAnswer(_ fd: Int32) -> Answer {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(fd, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            bytes += chunk.prefix(count)
        }
        guard let end = Data(bytes).range(of: Data("\r\n\r\n".utf8)) else {
            return Answer(status: 0, headers: [:], body: [])
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
        return Answer(status: status, headers: headers, body: Array(bytes[end.upperBound...]))
    }
}

extension SandboxFixture {
    static let alias = "/onep:v1/stack/alias"
    static let record = "/onep:v1/stack/record"
    static let download = "/provision/download?vendor=sandbox000000000&model=sandbox000000000"
}
