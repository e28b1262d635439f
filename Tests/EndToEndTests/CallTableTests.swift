import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import Testing

/// The device API as a table: each call with each documented status, over each transport, by the library and by `gdc`.
@Suite("The table of calls") struct CallTableTests {
    let gateway: GatewayFixture
    let gdc: String

    init() throws {
        gateway = try GatewayFixture()
        gdc = gateway.root + "/gdc"
        try #require(symlink("\(GatewayProcess.products)/gwe", gdc) == 0)
    }

    /// A certificate for 127.0.0.1 that signs itself.
    private func certificate() throws -> (file: String, pem: String, key: String) {
        let file = gateway.root + "/server"
        let ran = try GatewayProcess(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file + ".key", "-out", file + ".pem",
            ], environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
        try #require(ran.code == 0, "\(ran)")
        return (
            file + ".pem", try #require(gateway.read(file + ".pem")), try #require(gateway.read(file + ".key"))
        )
    }

    @Test("every HTTP call over http and https, by the library and by gdc, with each status that the API documents")
    func overHTTP() throws {
        let certificate = try certificate()
        let secure = try SandboxServer(
            dataFolder: gateway.root + "/tls", product: GatewayFixture.product, certificate: certificate.pem,
            privateKey: certificate.key)
        try secure.start()
        defer { secure.stop() }
        var callers: [(column: String, caller: CallTableCaller)] = []
        for (transport, sandbox, caFile) in [("http", gateway.sandbox, nil), ("https", secure, certificate.file)] {
            try sandbox.uploadContent(CallTableRow.contentName, CallTableRow.content)
            for program in [nil, gdc] {
                let column = "\(transport) \(program == nil ? "library" : "gdc")"
                let device = column.replacingOccurrences(of: " ", with: "-")
                callers.append((column, try CallTableCaller(device, gateway, sandbox, caFile: caFile, gdc: program)))
            }
        }
        var lines = ["call".padding(toLength: 20, withPad: " ", startingAt: 0)]
        for (column, _) in callers { lines[0] += column.padding(toLength: 15, withPad: " ", startingAt: 0) }
        for row in CallTableRow.all {
            var line = row.description.padding(toLength: 20, withPad: " ", startingAt: 0)
            for (column, caller) in callers {
                var cell = "-"
                do {
                    let status = try caller.status(of: row)
                    #expect(status == row.status, "\(row) over \(column)")
                    cell = "\(status)"
                } catch CallTableError.notACommand {}
                line += cell.padding(toLength: 15, withPad: " ", startingAt: 0)
            }
            lines.append(line)
        }
        print(lines.map { "call table: " + $0 }.joined(separator: "\n"))
    }
}
