internal import ArgumentParser
internal import GatewaySystem
internal import Glibc

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the device API in the foreground.",
        discussion: """
            EXAMPLES:
              murano-sandbox serve --data /tmp/cloud --product sandbox000000000
              murano-sandbox serve --data /tmp/cloud --listen 127.0.0.1:0      # a free port, printed when ready
              murano-sandbox serve --data /tmp/cloud --tls-cert server.pem --tls-key server.key

            Everything is kept in the folder. SIGTERM and SIGINT stop the server. The operator's side under
            /sandbox/v1/ asks for no password: listen on loopback only, unless everybody around is trusted.
            """)

    @Option(help: .init("Address and port; port 0 takes a free one.", valueName: "host:port"))
    var listen = "127.0.0.1:8085"

    @Option(help: .init("Folder of everything that the server remembers.", valueName: "dir"))
    var data: String

    @Option(help: .init("The product's id.", valueName: "pid"))
    var product = "sandbox000000000"

    @Option(help: .init("Certificate and its chain, PEM: serve https.", valueName: "file"))
    var tlsCert: String?

    @Option(help: .init("The certificate's private key, PEM.", valueName: "file"))
    var tlsKey: String?

    func validate() throws {
        guard ServeCommand.parse(listen) != nil else {
            throw ValidationError("expected --listen host:port, found '\(listen)'")
        }
        guard (tlsCert == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-cert and --tls-key go together")
        }
    }

    /// `127.0.0.1:8085`, `localhost:0`, `[::1]:8085`.
    static func parse(_ text: String) -> (host: String, port: UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }

    func run() throws {
        guard let (host, port) = ServeCommand.parse(listen) else { return }
        // Before any thread starts, so that the signals come to sigwait alone.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)

        let server: SandboxServer
        do {
            let pem = { (path: String) in String(decoding: try readFile(path, byteLimit: 1 << 20), as: UTF8.self) }
            server = try SandboxServer(
                dataFolder: data, product: product, host: host, port: port, certificate: tlsCert.map(pem),
                privateKey: tlsKey.map(pem))
            try server.start()
        } catch {
            throw CommandFailure(code: CommandFailure.software, message: "\(error)")
        }
        output("murano-sandbox serves product \(product) at \(server.url)")
        var signal: Int32 = 0
        sigwait(&signals, &signal)
        server.stop()
    }
}
