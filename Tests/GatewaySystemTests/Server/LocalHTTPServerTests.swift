import Foundation
import GatewaySystem
import Synchronization
import TestSupport
import Testing

@Suite("Local HTTP server") final class LocalHTTPServerTests {
    private let scratch = TemporaryFolder()
    private var folder: String { scratch.path }

    private func server(
        _ change: (inout LocalHTTPServer.Configuration) -> Void = { _ in },
        handler: @escaping LocalHTTPServer.Handler
    ) throws -> LocalHTTPServer {
        var configuration = LocalHTTPServer.Configuration(address: .tcp(port: 0))
        change(&configuration)
        return try LocalHTTPServer(configuration, handler: handler)
    }

    /// Says back what it was told.
    private static let echo: LocalHTTPServer.Handler = { request in
        HTTPServerResponse(
            status: 200,
            headers: [
                ("X-Method", request.method), ("X-Path", request.path),
                ("X-Query", request.query.map { "<\($0)>" } ?? "none"),
            ],
            body: .bytes(request.body))
    }

    @Test("target, headers and body arrive as they were sent")
    func verbatim() throws {
        let server = try server { request in
            HTTPServerResponse(
                status: 207,
                headers: [
                    ("X-Line", "\(request.method) \(request.path) \(request.query ?? "none")"),
                    ("X-Seen", request.header("x-ODD") ?? "none"),
                ], body: .bytes(request.body.reversed()))
        }
        defer { server.stop() }
        let answer = try RawConnection(port: server.port).exchange(
            "POST /a%2Fb:v1/%zz?x=%41+%&y&é=1?2 HTTP/1.1\r\nHost: h\r\nX-odd:  a b \r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
        )
        #expect(answer.status == 207)
        #expect(answer.headers["x-line"] == "POST /a%2Fb:v1/%zz x=%41+%&y&é=1?2")
        #expect(answer.headers["x-seen"] == "a b")
        #expect(answer.headers["date"]?.hasSuffix(" GMT") == true)
        #expect(answer.body == Array("cba".utf8))
    }

    @Test(
        "an absolute target and an empty query are told apart",
        arguments: [
            ("http://host:80/p/q?r", "/p/q", "<r>"), ("/p?", "/p", "<>"), ("/p", "/p", "none"),
            ("http://host", "/", "none"),
            ("*", "*", "none"),
        ])
    func targets(target: String, path: String, query: String) throws {
        let server = try server(handler: Self.echo)
        defer { server.stop() }
        let answer = try RawConnection(port: server.port).exchange(
            "OPTIONS \(target) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(answer.headers["x-path"] == path)
        #expect(answer.headers["x-query"] == query)
    }

    @Test("one connection carries several requests, chunked ones too")
    func keepAlive() throws {
        let server = try server(handler: Self.echo)
        defer { server.stop() }
        let connection = try RawConnection(port: server.port)
        try connection.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(try connection.readAnswer().headers["x-path"] == "/1")
        try connection.send(
            "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        #expect(try connection.readAnswer().body == Array("abc".utf8))
    }

    @Test(
        "a body over the limit is answered 413, declared or chunked, and the handler is not asked",
        arguments: [
            "Content-Length: 11\r\n\r\n12345678901", "Content-Length: 99999999999\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
        ])
    func limit(rest: String) throws {
        let asked = Atomic(false)
        let server = try server({ $0.bodyPlan = { _ in .memory(byteLimit: 10) } }) { _ in
            asked.store(true, ordering: .relaxed)
            return HTTPServerResponse(status: 200)
        }
        defer { server.stop() }
        let answer = try RawConnection(port: server.port).exchange("POST / HTTP/1.1\r\nHost: h\r\n\(rest)")
        #expect(answer.status == 413)
        let wasAsked = asked.load(ordering: .relaxed)
        #expect(!wasAsked)
    }

    @Test("a body goes to a file, which is gone after the exchange unless it was renamed")
    func bodyFile() throws {
        let path = folder + "/upload"
        let kept = folder + "/kept"
        let server = try server({ $0.bodyPlan = { _ in .file(path: path, byteLimit: 1 << 30) } }) { request in
            if request.path == "/keep" { rename(request.bodyFile ?? "", kept) }
            return HTTPServerResponse(status: 200, text: "\(request.bodyByteCount)")
        }
        defer { server.stop() }
        let body = String(repeating: "x", count: 3_000_000)
        for name in ["/drop", "/keep"] {
            let answer = try RawConnection(port: server.port).exchange(
                "PUT \(name) HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n\(body)")
            #expect(answer.body == Array("3000000".utf8))
        }
        server.stop()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["kept"])
        #expect(try FileManager.default.attributesOfItem(atPath: kept)[.size] as? Int == 3_000_000)
    }

    @Test("a part of a file is sent, and HEAD sends its length alone")
    func file() throws {
        let path = folder + "/file"
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let log = Lock<[Int64]>([])
        let server = try server { _ in
            HTTPServerResponse(status: 206, body: .file(path: path, offset: 1000, byteCount: 900_000)) {
                sent, isWhole in
                log.withLock { $0.append(isWhole ? sent : -1) }
            }
        }
        let answer = try RawConnection(port: server.port).exchange(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(answer.body == Array(bytes[1000..<901_000]))
        let head = try RawConnection(port: server.port).exchange(
            "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", isHead: true)
        #expect(head.headers["content-length"] == "900000")
        #expect(head.body.isEmpty)
        server.stop()
        let logged = log.withLock { $0 }
        #expect(logged == [900_000, 0])
    }

    @Test("a file that cannot be opened is answered 500; one that is too short never looks whole")
    func missingFile() throws {
        let path = folder + "/file"
        let server = try server { _ in
            HTTPServerResponse(status: 200, body: .file(path: path, offset: 0, byteCount: 10))
        }
        defer { server.stop() }
        let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        #expect(try RawConnection(port: server.port).exchange(request).status == 500)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
        let short = try RawConnection(port: server.port).exchange(request)
        #expect(short.headers["content-length"] == "10")
        #expect(short.body == [1, 2, 3])
    }

    @Test("the connection is cut after exactly so many bytes of the body", arguments: [0, 1, 300_000, 999_999])
    func cut(count: Int) throws {
        let path = folder + "/file"
        try Data(repeating: 7, count: 1_000_000).write(to: URL(fileURLWithPath: path))
        let log = Lock<[String]>([])
        let server = try server { _ in
            var response = HTTPServerResponse(status: 200, body: .file(path: path, offset: 0, byteCount: 1_000_000))
            response.cutAfterByteCount = Int64(count)
            response.completion = { sent, isWhole in log.withLock { $0.append("\(sent) \(isWhole)") } }
            return response
        }
        let answer = try RawConnection(port: server.port).exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answer.status == 200)
        #expect(answer.body.count == count)
        server.stop()
        let logged = log.withLock { $0 }
        #expect(logged == ["\(count) false"])
    }

    @Test("a stream is sent piece by piece, as they come")
    func stream() throws {
        let step = Lock(0)
        let gate = DispatchSemaphore(value: 0)
        let server = try server { _ in
            HTTPServerResponse(
                status: 200,
                body: .stream {
                    let number = step.withLock { number in
                        number += 1
                        return number
                    }
                    if number == 2 { gate.wait() }
                    return number > 2 ? nil : Array("{\"step\":\(number)}\n".utf8)
                })
        }
        defer { server.stop() }
        let connection = try RawConnection(port: server.port)
        try connection.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        // The second piece is not made before the first has been read here.
        try connection.read(until: "{\"step\":1}\n")
        gate.signal()
        try connection.read(until: "{\"step\":2}\n")
        try connection.read(until: "0\r\n\r\n")
    }

    @Test("a stream with nothing to say ends when its peer goes away")
    func abandonedStream() throws {
        let ended = DispatchSemaphore(value: 0)
        let server = try server { _ in
            var response = HTTPServerResponse(status: 200, body: .stream { [] })
            response.completion = { _, _ in ended.signal() }
            return response
        }
        defer { server.stop() }
        var connection: RawConnection? = try RawConnection(port: server.port)
        try connection?.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        try connection?.read(until: "\r\n\r\n")
        connection = nil
        #expect(ended.wait(timeout: .now() + 60) == .success)
    }

    @Test("a handler that waits longer than the idle limit is still heard")
    func slowHandler() throws {
        let server = try server({ $0.idleSeconds = 1 }) { request in
            // No wait for something: it outlasts the limit.
            Thread.sleep(forTimeInterval: 2.5)
            return HTTPServerResponse(status: 200, text: "late")
        }
        defer { server.stop() }
        let answer = try RawConnection(port: server.port).exchange(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(answer.body == Array("late".utf8))
    }

    @Test("stopping wakes a handler that looks at its peer, and ends idle connections")
    func stop() throws {
        let entered = DispatchSemaphore(value: 0)
        let reserved = try ReservedPort()
        let server = try server({ $0.address = .tcp(port: reserved.number) }) { request in
            entered.signal()
            _ = eventually { request.peer.isGone }
            return HTTPServerResponse(status: 503)
        }
        let idle = try RawConnection(port: server.port)
        let waiting = try RawConnection(port: server.port)
        try waiting.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        entered.wait()
        server.stop()
        server.stop()
        #expect(try idle.readToEnd().isEmpty)
        #expect(throws: (any Error).self) { try RawConnection(port: reserved.number) }
    }

    @Test(
        "raw rubbish is answered or cut, and the server lives on",
        arguments: [
            "\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\n\r\n",
        ])
    func rubbish(text: String) throws {
        let server = try server(handler: Self.echo)
        defer { server.stop() }
        let connection = try RawConnection(port: server.port)
        try? connection.send(text)
        connection.shutdownWriting()
        _ = try? connection.readToEnd()
        let answer = try RawConnection(port: server.port).exchange(
            "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(answer.headers["x-path"] == "/ok")
    }

    @Test("a Unix socket has its mode, is removed at the end, and a dead one is replaced")
    func unixSocket() throws {
        let path = folder + "/s.sock"
        for _ in 1...2 {
            let server = try server({ $0.address = .unix(path: path, mode: 0o660) }, handler: Self.echo)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o660)
            let error = #expect(throws: SystemError.self) {
                try self.server({ $0.address = .unix(path: path, mode: 0o660) }, handler: Self.echo)
            }
            #expect(error?.code == EADDRINUSE)
            let answer = try RawConnection(path: path).exchange(
                "GET /u HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(answer.headers["x-path"] == "/u")
            server.stop()
            #expect(!FileManager.default.fileExists(atPath: path))
            try RawConnection.leaveDeadSocket(path)
        }
        let file = folder + "/file"
        try Data([1]).write(to: URL(fileURLWithPath: file))
        let taken = #expect(throws: SystemError.self) {
            try self.server({ $0.address = .unix(path: file, mode: 0o660) }, handler: Self.echo)
        }
        #expect(taken?.code == EEXIST)
    }

    @Test("a socket path of 108 bytes is refused in words")
    func longPath() throws {
        let path = folder + "/" + String(repeating: "x", count: 107 - folder.utf8.count)
        #expect(path.utf8.count == 108)
        let error = #expect(throws: SystemError.self) {
            try self.server({ $0.address = .unix(path: path, mode: 0o660) }, handler: Self.echo)
        }
        #expect(error?.description.contains("exceed 107") == true)
    }

    @Test("a server with a certificate speaks TLS, and a certificate without its key is refused")
    func tls() throws {
        let certificate = try CertificateMaker(folder).selfSigned()
        let server = try server(
            {
                $0.certificate = certificate.pem
                $0.privateKey = certificate.key
            }, handler: Self.echo)
        defer { server.stop() }
        let transfer = try HTTPTransfer(TransferConfiguration(caFile: certificate.path))
        let answer = try transfer.perform(
            HTTPRequest(.post, "https://127.0.0.1:\(server.port)/p?q", body: Array("secret".utf8)))
        #expect(answer.header("X-Path") == "/p")
        #expect(answer.text == "secret")
        #expect(throws: SystemError.self) {
            try self.server({ $0.certificate = certificate.pem }, handler: Self.echo)
        }
    }

    @Test("HTTP's three forms of a date are read, and one is written")
    func dates() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(HTTPDate.unixSeconds(text) == 784_111_777)
        }
        #expect(HTTPDate.text(unixSeconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        for text in ["", "now", "784111777", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 46 Nov 1994 08:49:37 GMT"] {
            #expect(HTTPDate.unixSeconds(text) == nil)
        }
    }
}
