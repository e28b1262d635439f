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
              murano-sandbox serve --data /tmp/cloud --mqtt 127.0.0.1:1883
              murano-sandbox serve --data /tmp/cloud --tls-cert server.pem --tls-key server.key \
            --mqtts 127.0.0.1:8883 --client-ca devices.pem

            MQTT is 3.1.1 with QoS 0 and 1. Topics: $provision/<id> (anonymous), $resource/<alias>, $resource.batch; what \
            the operator sets comes as $resource/<alias>/<microseconds>. A device logs in with an empty user name and \
            its token, with its identity and a password (device add --password), or with a certificate of --client-ca \
            whose common name is its identity; that certificate is as good as a token over https, too.

            Everything is kept in the folder. SIGTERM and SIGINT stop the server. The operator's side under \
            /sandbox/v1/ asks for no password: listen on loopback only, unless everybody around is trusted.
            """)

    @Option(help: .init("Address and port; port 0 takes a free one.", valueName: "host:port"))
    var listen = "127.0.0.1:8085"

    @Option(help: .init("Folder of everything that the server remembers.", valueName: "dir"))
    var data: String

    @Option(help: .init("The product's id.", valueName: "pid"))
    var product = "sandbox000000000"

    @Option(help: .init("Serve MQTT there, too; port 0 takes a free one.", valueName: "host:port"))
    var mqtt: String?

    @Option(help: .init("Serve MQTT with TLS there; needs --tls-cert.", valueName: "host:port"))
    var mqtts: String?

    @Option(help: .init("CA of the devices' certificates, PEM; needs --tls-cert.", valueName: "file"))
    var clientCa: String?

    @Option(help: .init("Certificate and its chain, PEM: serve https.", valueName: "file"))
    var tlsCert: String?

    @Option(help: .init("The certificate's private key, PEM.", valueName: "file"))
    var tlsKey: String?

    func validate() throws {
        for (name, text) in [("--listen", listen), ("--mqtt", mqtt), ("--mqtts", mqtts)] {
            guard let text, ServeCommand.parse(text) == nil else { continue }
            throw ValidationError("expected \(name) host:port, found '\(text)'")
        }
        guard tlsCert != nil || (mqtts == nil && clientCa == nil) else {
            throw ValidationError("--mqtts and --client-ca need --tls-cert and --tls-key")
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

    private static func address(_ text: String) -> SandboxAddress? {
        parse(text).map { SandboxAddress(host: $0.host, port: $0.port) }
    }

    /// `mqtt://127.0.0.1:1883`, with the port that was taken.
    private static func url(_ scheme: String, _ text: String?, _ port: UInt16?) -> String? {
        guard let text, let port, let host = parse(text)?.host else { return nil }
        return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)"
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
                privateKey: tlsKey.map(pem), mqtt: mqtt.flatMap(ServeCommand.address),
                mqtts: mqtts.flatMap(ServeCommand.address), clientCA: clientCa.map(pem))
            try server.start()
        } catch {
            throw CommandFailure(code: CommandFailure.software, message: "\(error)")
        }
        let urls = [
            ServeCommand.url("mqtt", mqtt, server.mqttPort), ServeCommand.url("mqtts", mqtts, server.mqttsPort),
        ]
        var lines = ["murano-sandbox serves product \(product) at \(server.url)"]
        lines.append("murano-sandbox has a page for a browser: \(server.url)/")
        lines += urls.compactMap { $0 }.map { "murano-sandbox serves MQTT at \($0)" }
        // In one write: who waits for them finds all.
        output(lines.joined(separator: "\n"))
        var signal: Int32 = 0
        sigwait(&signals, &signal)
        server.stop()
    }
}
