import Documents
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite("Health probes") struct HealthProbeTests {
    private func failure(_ url: String, timeout: Duration = .seconds(20), caFile: String? = nil) throws -> String {
        try #require(throws: ProbeFailure.self) { _ = try HealthProbe.http(url, timeout: timeout, caFile: caFile) }
            .description
    }

    @Test("the status is that of the answer, and no redirect is followed", arguments: [200, 204, 302, 404, 503])
    func status(_ status: Int) throws {
        let server = try ScriptedServer(.init("\(status) Whatever", ["Location: /elsewhere", "Content-Length: 0"]))
        defer { server.stop() }
        #expect(try HealthProbe.http("\(server.url)/ok?a=b#part", timeout: .seconds(20)) == status)
        #expect(server.requests.map(\.line) == ["GET /ok?a=b HTTP/1.1"])
        #expect(server.requests.first?.header("host") == "127.0.0.1:\(server.port)")
        #expect(server.requests.first?.header("connection") == "close")
    }

    @Test("localhost is loopback, and a URL without a path asks for /")
    func localhost() throws {
        let server = try ScriptedServer(.ok([]))
        defer { server.stop() }
        #expect(try HealthProbe.http("http://localhost:\(server.port)", timeout: .seconds(20)) == 200)
        #expect(server.requests.map(\.line) == ["GET / HTTP/1.1"])
    }

    @Test("interim answers are passed over, also in pieces")
    func interim() throws {
        let text = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 503 Later\r\n\r\n"
        let server = try ScriptedServer(.init(Array(text.utf8)))
        defer { server.stop() }
        #expect(try HealthProbe.http(server.url, timeout: .seconds(20)) == 503)
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count {
            let found = try ProbeConnection.status(in: Array(bytes.prefix(count)))
            #expect(found == (count >= text.utf8.count - 22 + 12 ? 503 : nil), "\(count)")
        }
    }

    @Test("an endless body is not read to its end")
    func endless() throws {
        let body = [UInt8](repeating: 65, count: 8 << 20)
        let server = try ScriptedServer(.ok(body))
        defer { server.stop() }
        #expect(try HealthProbe.http(server.url, timeout: .seconds(20)) == 200)
    }

    @Test(
        "what is no HTTP is a failure",
        arguments: ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 2xx Fine\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1"])
    func noHTTP(_ text: String) throws {
        let server = try ScriptedServer(.init(Array(text.utf8)))
        defer { server.stop() }
        #expect(try failure(server.url) == "its answer is no HTTP")
    }

    @Test("an endless head is given up")
    func endlessHead() throws {
        let text = "HTTP/1.1 103 Early Hints\r\nX: " + String(repeating: "a", count: 1 << 20)
        let server = try ScriptedServer(.init(Array(text.utf8)))
        defer { server.stop() }
        #expect(try failure(server.url) == "its answer is no HTTP")
    }

    @Test("a server that does not answer is given up in time, one that closes is told apart")
    func silent() throws {
        let hanging = try ScriptedServer(.init([], .hang))
        defer { hanging.stop() }
        #expect(try failure(hanging.url, timeout: .milliseconds(300)) == "no answer in time")
        let closing = try ScriptedServer(.init([], .close))
        defer { closing.stop() }
        #expect(try failure(closing.url) == "closed the connection without an answer")
    }

    @Test("a listener whose queue is full is no connection in time")
    func fullQueue() throws {
        // Linux takes one connection more than the queue is long, and lets the others wait for theirs.
        let (listener, port) = try Loopback.listen(backlog: 0)
        defer { close(listener) }
        let first = try ProbeConnection(host: "127.0.0.1", port: port, deadline: .now + .seconds(20))
        let why = try #require(throws: ProbeFailure.self) {
            try HealthProbe.tcp(host: "127.0.0.1", port: port, timeout: .milliseconds(300))
        }
        #expect(why.description == "no connection in time")
        first.drain(.now)
    }

    @Test("nobody there is refused, also on a port that the kernel could give to the probe itself")
    func refused() throws {
        let reserved = try ReservedPort()
        #expect(try failure("http://127.0.0.1:\(reserved.number)/") == "connection refused")
        // In a network of its own nobody else takes the port, and the kernel has no other one to give.
        let answers = try inOwnNetwork {
            try TestProcess.shell("ip link set lo up")
            try TestProcess.shell("echo 40000 40001 >/proc/sys/net/ipv4/ip_local_port_range")
            return (0..<50).map { _ in
                do {
                    try HealthProbe.tcp(host: "127.0.0.1", port: 40_000, timeout: .seconds(20))
                    return "connected to itself"
                } catch {
                    return "\(error)"
                }
            }
        }
        #expect(Set(answers) == ["connection refused"])
    }

    @Test("a TCP probe is well when it is accepted")
    func tcp() throws {
        let server = try ScriptedServer(.ok([]))
        defer { server.stop() }
        try HealthProbe.tcp(host: "127.0.0.1", port: server.port, timeout: .seconds(20))
        try HealthProbe.tcp(host: "localhost", port: server.port, timeout: .seconds(20))
    }

    @Test("a host that is not known is said by name")
    func unknownHost() throws {
        #expect(try failure("http://no-such-host.invalid/").hasPrefix("cannot resolve no-such-host.invalid: "))
    }

    @Test("https is verified against the given root")
    func https() throws {
        var configuration = LocalHTTPServer.Configuration(address: .tcp(host: "127.0.0.1", port: 0))
        configuration.certificate = try TestCertificates.shared.good.pem
        configuration.privateKey = try TestCertificates.shared.good.key
        let server = try LocalHTTPServer(configuration) { _ in .init(status: 204, text: "") }
        defer { server.stop() }
        let url = "https://127.0.0.1:\(server.port)/"
        let root = try TestCertificates.shared.root.path
        #expect(try HealthProbe.http(url, timeout: .seconds(20), caFile: root) == 204)
        #expect(try !failure(url).isEmpty)
    }

    @Test("the parts of a URL")
    func urls() {
        let parts = { (url: String) in
            HealthProbe.address(url).map { "\($0.host) \($0.connectPort ?? 0) \($0.authority) \($0.target)" }
        }
        #expect(parts("http://a") == "a 80 a /")
        #expect(parts("http://a:/x") == "a 80 a /x")
        #expect(parts("http://[::1]:81?q#f") == "::1 81 [::1]:81 /?q")
        #expect(parts("http://[::1]") == "::1 80 [::1] /")
        for bad in [
            "http://", "http://:1/", "http://a:0/", "http://a:65536/", "http://u@a/", "ftp://a/", "http://a/\r\nX: y",
            "http://[::1]x/",
        ] {
            #expect(parts(bad) == nil, "\(bad)")
        }
    }
}
