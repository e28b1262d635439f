import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// What `gdc` trusts, and what a kill leaves.
@Suite("gdc: TLS and kills") struct DeviceClientCommandSafetyTests {
    let gateway: GatewayFixture
    private var root: String { gateway.root }

    init() throws {
        gateway = try GatewayFixture()
        try #require(symlink("\(Repository.products)/gwe", gateway.root + "/gdc") == 0)
    }

    private func run(_ arguments: String...) throws -> Ran { try start(arguments).wait() }

    private func start(_ arguments: [String]) throws -> TestProcess {
        try TestProcess(root + "/gdc", arguments, environment: gateway.variables, scratch: root + "/scratch")
    }

    @Test("https is believed from a root that is trusted, and from no other; -E says which")
    func roots() throws {
        let maker = CertificateMaker(root)
        let (server, other) = (try maker.selfSigned(), try maker.selfSigned("other"))
        let sandbox = try SandboxServer(
            dataFolder: root + "/tls", product: GatewayFixture.product,
            certificate: server.pem, privateKey: server.key)
        try sandbox.start()
        defer { sandbox.stop() }
        #expect(sandbox.url.hasPrefix("https://"))
        try sandbox.addDevice("dev")
        let activated = try run("-E", server.path, "-H", sandbox.url, "-u", "dev", "http", "activate")
        #expect(activated.code == 0, "\(activated)")
        #expect(activated.out == (try sandbox.token(of: "dev") ?? "none") + "\n")
        // By -P too.
        let port = try #require(sandbox.url.split(separator: ":").last.map(String.init))
        let read = try run(
            "-E", server.path, "-H", "https://127.0.0.1/", "-P", port, "-k",
            String(activated.out.dropLast()), "http", "read", "a")
        #expect(read.out == "[204] \n", "\(read)")
        for options in [[], ["-E", other.path]] {
            let ran = try start(options + ["-H", sandbox.url, "http", "timestamp"]).wait()
            #expect(ran.out == "[0] \n", "\(ran)")
            #expect(ran.code == 69, "\(ran)")
            #expect(ran.err.contains("certificate"), "\(ran)")
        }
    }

    @Test("a client certificate speaks for itself: no token goes with it")
    func clientCertificate() throws {
        for name in ["server", "client"] { _ = try CertificateMaker(root).selfSigned(name) }
        // Asks for a certificate, and answers with its name and with the token that came.
        try gateway.write(
            """
            import http.server, ssl, sys
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    name = dict(part[0] for part in self.connection.getpeercert()["subject"])["commonName"]
                    body = ("a=%s-%s" % (name, self.headers.get("X-Exosite-CIK"))).encode()
                    self.send_response(200)
                    self.send_header("Content-Type", "application/x-www-form-urlencoded")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("server.pem", "server.key")
            context.load_verify_locations("client.pem")
            context.verify_mode = ssl.CERT_REQUIRED
            server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            print(server.server_port, flush=True)
            server.serve_forever()

            """, to: root + "/server.py")
        let server = try TestProcess(
            "/bin/sh", ["-c", "cd \"$0\" && exec python3 server.py", root], environment: gateway.variables,
            scratch: root + "/scratch")
        try #require(eventually { server.out.hasSuffix("\n") }, "\(server.err)")
        let url = "https://127.0.0.1:\(server.out.dropLast())"
        let files = ["-E", root + "/server.pem", "-C", root + "/client.pem", "-K", root + "/client.key"]
        let ran = try start(files + ["-H", url, "http", "read", "a"]).wait()
        #expect(ran.out == "[200] a=client-None\n", "\(ran)")
        #expect(ran.code == 0)
        let without = try run("-E", root + "/server.pem", "-H", url, "http", "read", "a")
        #expect(without.out == "[0] \n", "\(without)")
        #expect(without.code == 69)
    }

    @Test("a killed 'cfg set' leaves the old file or the new one, and what lies beside it goes with the next")
    func kill() throws {
        let path = root + "/conf/app.ini"
        let body = (0..<2000).map { "option\($0) = \(String(repeating: "x", count: 60))\n" }.joined()
        try gateway.write("[device]\n" + body, to: path)
        var whole: Set<String> = ["[device]\n" + body]
        var random = SystemRandomNumberGenerator()
        var killed = 0
        for round in 0..<40 {
            let process = try start(["cfg", path, "set", "device", "round", "\(round)"])
            if round > 0 { usleep(UInt32.random(in: 0..<20_000, using: &random)) }
            process.send(SIGKILL)
            if process.wait().signal == SIGKILL { killed += 1 }
            whole.insert("[device]\n" + body + "round = \(round)\n")
            #expect(gateway.read(path).map { whole.contains($0) } == true, "torn in round \(round)")
        }
        #expect(killed > 0)
        #expect(try run("cfg", path, "set", "device", "round", "last").code == 0)
        #expect(gateway.read(path) == "[device]\n" + body + "round = last\n")
        #expect(gateway.names(root + "/conf") == ["app.ini"])
    }
}
