import GatewaySystem
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite("HTTP transfer")
struct HTTPTransferTests {
    private func error(_ request: HTTPRequest, _ configuration: TransferConfiguration = .init()) throws -> TransferError
    {
        do throws(TransferError) {
            let response = try HTTPTransfer(configuration).perform(request)
            throw TransferError(.malformed, "fail", "answered \(response.status)")
        } catch {
            return error
        }
    }

    @Test("a request carries method, headers and body, and the response comes back whole")
    func wholeExchange() throws {
        let server = try ScriptedServer(
            .ok(Array("hello".utf8), ["X-Kind: greeting", "Content-Type: Text/Plain; charset=utf-8"]))
        defer { server.stop() }
        let request = HTTPRequest(
            .post, server.url + "/a?b=1", headers: [HTTPHeader("X-Token", "s3cret", isSecret: true)],
            body: Array("x=1".utf8))
        let response = try HTTPTransfer(.init(userAgent: "probe/1")).perform(request)
        #expect(response.status == 200)
        #expect(response.text == "hello")
        #expect(response.header("x-kind") == "greeting")
        #expect(response.head.mediaType == "text/plain")
        let seen = try #require(server.requests.first)
        #expect(seen.line == "POST /a?b=1 HTTP/1.1")
        #expect(seen.header("x-token") == "s3cret")
        #expect(seen.header("user-agent") == "probe/1")
        #expect(seen.header("expect") == nil)
        #expect(seen.body == Array("x=1".utf8))
        #expect(response.info.receivedByteCount > 5 && response.info.sentByteCount > 3)
    }

    @Test("an empty body is sent as such, and other methods too")
    func emptyBody() throws {
        let server = try ScriptedServer(.ok([], [], .keep))
        defer { server.stop() }
        let transfer = try HTTPTransfer()
        _ = try transfer.perform(HTTPRequest(.post, server.url, body: []))
        _ = try transfer.perform(HTTPRequest(.put, server.url, body: [7]))
        _ = try transfer.perform(HTTPRequest(.head, server.url))
        #expect(server.requests.map { $0.line.prefix { $0 != " " } } == ["POST", "PUT", "HEAD"])
        #expect(server.requests[0].header("content-length") == "0")
    }

    @Test("a name that cannot be resolved does not spoil the requests that follow")
    func unresolvedBefore() throws {
        let server = try ScriptedServer(.ok([1], [], .keep))
        defer { server.stop() }
        let transfer = try HTTPTransfer()
        for _ in 0..<2 {
            #expect { try transfer.perform(HTTPRequest(.get, "https://nowhere.invalid/")) } throws: { error in
                (error as? TransferError)?.kind == .dns
            }
        }
        #expect(try transfer.perform(HTTPRequest(.get, server.url)).status == 200)
    }

    @Test("a connection is kept between requests")
    func keepAlive() throws {
        let server = try ScriptedServer(.ok([1], [], .keep))
        defer { server.stop() }
        let transfer = try HTTPTransfer()
        #expect(try transfer.perform(HTTPRequest(.get, server.url)).info.newConnectionCount == 1)
        #expect(try transfer.perform(HTTPRequest(.get, server.url)).info.newConnectionCount == 0)
        #expect(server.connectionCount == 1)
    }

    @Test("no socket is left open in programs that are started meanwhile")
    func closeOnExec() throws {
        let server = try ScriptedServer(.ok([1], [], .keep))
        defer { server.stop() }
        let transfer = try HTTPTransfer()
        _ = try transfer.perform(HTTPRequest(.get, server.url))
        let ours = (Int32(0)..<1024).filter { descriptor in
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
            }
            return code == 0 && address.sin_family == sa_family_t(AF_INET)
                && UInt16(bigEndian: address.sin_port) == server.port
        }
        #expect(ours.count == 1)
        #expect(ours.allSatisfy { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 })
        // The connection is kept until here.
        #expect(try transfer.perform(HTTPRequest(.get, server.url)).info.newConnectionCount == 0)
    }

    @Test("statuses are answers, not errors", arguments: [204, 304, 401, 404, 503])
    func statuses(status: Int) throws {
        let server = try ScriptedServer(.init("\(status) Whatever", ["Retry-After: 7"]))
        defer { server.stop() }
        let response = try HTTPTransfer().perform(HTTPRequest(.get, server.url))
        #expect(response.status == status)
        if status == 503 { #expect(response.info.retryAfter == .seconds(7)) }
    }

    @Test(
        "plain http goes to loopback only",
        arguments: [
            "http://example.com/x", "http://128.0.0.1/", "http://127.0.0.1@example.com/",
            "http://127.0.0.1.example.com/",
        ])
    func plainHTTP(url: String) throws {
        let failure = try error(HTTPRequest(.get, url))
        #expect(failure.kind == .refused)
        #expect(failure.isPermanent)
        #expect(failure.description.contains("plain http is for loopback only"))
    }

    @Test(
        "only http and https are spoken", arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"])
    func schemes(url: String) throws {
        #expect(try error(HTTPRequest(.get, url)).kind == .refused)
    }

    @Test(
        "a URL that programs read differently is refused before anybody connects",
        arguments: [
            "http://127.0.0.1\\@example.com/", "http://127.0.0.1%2eexample.com/", "http://0177.0.0.1/",
            "http://127.0.0.1 .example.com/", "http://127.0.0.1\t/", "http:///127.0.0.1/", "http:127.0.0.1/",
            "http://[::1/", "http://127.0.0.1:0x50/", "http://127.0.0.1:65536/",
        ])
    func ambiguous(url: String) throws {
        let failure = try error(HTTPRequest(.get, url))
        #expect(failure.kind == .refused)
    }

    @Test("user and password of a URL are sent, and shown nowhere")
    func credentials() throws {
        let server = try ScriptedServer(.ok([1]))
        defer { server.stop() }
        let url = "http://me:p@ss@" + server.url.dropFirst("http://".count)
        #expect(try HTTPTransfer().perform(HTTPRequest(.get, url)).status == 200)
        // base64 of me:p@ss
        #expect(server.requests.first?.header("authorization") == "Basic bWU6cEBzcw==")
        let failure = try error(HTTPRequest(.get, "http://me:p@ss@example.com/"))
        #expect(!failure.description.contains("ss"), "\(failure)")
    }

    @Test("no redirect is followed unless asked, and never to plain http")
    func redirects() throws {
        let server = try ScriptedServer(
            .init("302 Found", ["Location: http://127.0.0.1:1/login", "Content-Length: 0"]))
        defer { server.stop() }
        var request = HTTPRequest(.get, server.url)
        #expect(try HTTPTransfer().perform(request).status == 302)
        request.followsRedirects = true
        #expect(try error(request).kind == .refused)
        request.headers = [HTTPHeader("X-Exosite-CIK", "t", isSecret: true)]
        #expect(try HTTPTransfer().perform(request).status == 302)
    }

    @Test("a body over the limit is given up")
    func tooLarge() throws {
        let server = try ScriptedServer(.ok([UInt8](repeating: 1, count: 5000)))
        defer { server.stop() }
        var request = HTTPRequest(.get, server.url)
        request.maximumBodyByteCount = 4999
        #expect(try error(request).kind == .tooLarge)
        request.maximumBodyByteCount = 5000
        #expect(try HTTPTransfer().perform(request).body.count == 5000)
    }

    @Test("endless headers are given up")
    func endlessHeaders() throws {
        let lines = (0..<3000).map { "X-Filler-\($0): " + String(repeating: "x", count: 60) }
        let server = try ScriptedServer(.init("200 OK", lines))
        defer { server.stop() }
        #expect(try error(HTTPRequest(.get, server.url)).kind == .malformed)
    }

    @Test("a response cut short is an error that may pass")
    func cut() throws {
        let whole = ScriptedServer.Answer.ok([UInt8](repeating: 1, count: 100))
        for count in [0, 1, 99] {
            let server = try ScriptedServer(whole.cut(afterBody: count))
            defer { server.stop() }
            let failure = try error(HTTPRequest(.get, server.url))
            #expect(failure.kind == .cut)
            #expect(!failure.isPermanent)
        }
        let silent = try ScriptedServer(.init([]))
        defer { silent.stop() }
        #expect(try error(HTTPRequest(.get, silent.url)).kind == .cut)
    }

    @Test("an answer that is no HTTP is malformed")
    func noHTTP() throws {
        let server = try ScriptedServer(.init(Array("220 mail.example ESMTP\r\n".utf8)))
        defer { server.stop() }
        #expect(try error(HTTPRequest(.get, server.url)).kind == .malformed)
    }

    @Test("a server that says nothing times out, and a slow one is too slow")
    func silence() throws {
        let server = try ScriptedServer(.init([], .hang))
        defer { server.stop() }
        var request = HTTPRequest(.get, server.url)
        request.timeout = .milliseconds(50)
        #expect(try error(request).kind == .timeout)
        let slow = try ScriptedServer(.init("200 OK", ["Content-Length: 9"], body: [1], .hang))
        defer { slow.stop() }
        request = HTTPRequest(.get, slow.url)
        request.timeout = nil
        request.lowSpeed = .init(bytesPerSecond: 100, duration: .seconds(1))
        #expect(try error(request).kind == .tooSlow)
    }

    @Test("a request under way can be stopped")
    func cancelled() throws {
        let server = try ScriptedServer(.init([], .hang))
        defer { server.stop() }
        var request = HTTPRequest(.get, server.url)
        request.isCancelled = { !server.requests.isEmpty }
        #expect(try error(request).kind == .cancelled)
    }

    @Test("nobody listening and unknown hosts are told apart")
    func unreachable() throws {
        let reserved = try ReservedPort()
        let url = "http://127.0.0.1:\(reserved.number)/"
        let failure = try error(HTTPRequest(.get, url))
        #expect(failure.kind == .connect)
        #expect(!failure.isPermanent)
        #expect(failure.description.hasPrefix("cannot get \(url): "))
        withExtendedLifetime(reserved) {}
        #expect(try error(HTTPRequest(.get, "https://nowhere.invalid/")).kind == .dns)
    }

    @Test("an error names neither user, password nor values of the query")
    func redaction() throws {
        let url = "http://user:pa55@127.0.0.1:1/path?sig=s3cret&list&" + String(repeating: "k", count: 40)
        let text = try error(HTTPRequest(.get, url, headers: [HTTPHeader("A", "s3cret", isSecret: true)])).description
        #expect(text.contains("http://127.0.0.1:1/path?sig=…&list&…"))
        #expect(!text.contains("s3cret") && !text.contains("pa55") && !text.contains("kkk"))
        #expect(HTTPHeader("A", "s3cret", isSecret: true).description == "A: …")
    }

    @Test("a header with a line break is refused")
    func headerInjection() throws {
        let request = HTTPRequest(.get, "http://127.0.0.1:1/", headers: [HTTPHeader("A", "b\r\nC: d")])
        #expect(try error(request).kind == .refused)
    }

    @Test("a CA file that is not there is a lasting error")
    func badCAFile() throws {
        let server = try ScriptedServer(.init([], .close))
        defer { server.stop() }
        let configuration = TransferConfiguration(caFile: "/nonexistent/ca.pem")
        let failure = try error(HTTPRequest(.get, "https://127.0.0.1:\(server.port)/"), configuration)
        #expect(failure.kind == .refused)
        #expect(failure.isPermanent)
    }

    @Test("chunked with a Content-Length beside it is read by its chunks")
    func bothLengths() throws {
        let body = Array("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".utf8)
        let server = try ScriptedServer(
            .init("200 OK", ["Content-Length: 4", "Transfer-Encoding: chunked"], body: body))
        defer { server.stop() }
        #expect(try HTTPTransfer().perform(HTTPRequest(.get, server.url)).text == "hello world")
    }

    @Test("a status of 4xx is permanent, but 408, 425 and 429")
    func permanence() {
        for status in [400, 401, 403, 404, 409, 410, 416] { #expect(TransferError(.http(status), "", "").isPermanent) }
        for status in [408, 425, 429, 500, 502, 503] { #expect(!TransferError(.http(status), "", "").isPermanent) }
        #expect(TransferError(.storage, "write x", "full", code: ENOSPC).isNoSpace)
        #expect(!TransferError(.storage, "write x", "full", code: ENOSPC).isPermanent)
    }
}
