import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// The device API as a table: each call with each documented status, over each transport, by the library and by `gdc`.
@Suite("The table of calls") struct CallTableTests {
    let gateway: GatewayFixture
    let gdc: String

    init() throws {
        gateway = try GatewayFixture()
        gdc = gateway.root + "/gdc"
        try #require(symlink("\(Repository.products)/gwe", gdc) == 0)
    }

    @Test("every HTTP call over http and https, by the library and by gdc, with each status that the API documents")
    func overHTTP() throws {
        let certificate = try CertificateMaker(gateway.root).selfSigned()
        let secure = try SandboxServer(
            dataFolder: gateway.root + "/tls", product: GatewayFixture.product, certificate: certificate.pem,
            privateKey: certificate.key)
        try secure.start()
        defer { secure.stop() }
        var callers: [(column: String, caller: CallTableCaller)] = []
        for (transport, sandbox, caFile) in [("http", gateway.sandbox, nil), ("https", secure, certificate.path)] {
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

    /// `root` signs for the server and for clients, by their names.
    private func certificates(for names: [String]) throws -> String {
        let folder = gateway.root + "/certificates"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let script = """
            set -eu
            cd "$0"
            key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            openssl req -x509 $key -keyout root.key -out root.pem -days 2 -subj /CN=root
            issue() { # NAME EXTENSION
                openssl req -new $key -keyout $1.key -out $1.csr -subj "/CN=$1"
                printf 'basicConstraints=critical,CA:FALSE\\n%s\\n' "$2" >$1.ext
                openssl x509 -req -in $1.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem
            }
            issue server 'subjectAltName=IP:127.0.0.1'
            for name; do issue $name extendedKeyUsage=clientAuth; done
            """
        let ran = try TestProcess(
            "/bin/bash", ["-c", script, folder] + names, environment: gateway.variables,
            scratch: gateway.root + "/scratch"
        ).wait()
        try #require(ran.code == 0, "\(ran)")
        return folder
    }

    @Test("every MQTT call over mqtt and mqtts, by the library and by gdc, with each refusal that the API documents")
    func overMQTT() throws {
        let columns = ["mqtt library", "mqtt gdc", "mqtts library", "mqtts gdc"]
        let devices = columns.map { $0.replacingOccurrences(of: " ", with: "-") }
        let certificates = try certificates(for: devices + ["stranger"])
        let files = try ["root.pem", "server.pem", "server.key"].map {
            try #require(gateway.read(certificates + "/" + $0))
        }
        let sandbox = try SandboxServer(
            dataFolder: gateway.root + "/mqtt", product: GatewayFixture.product, certificate: files[1],
            privateKey: files[2], mqtt: SandboxAddress(), mqtts: SandboxAddress(), clientCA: files[0])
        try sandbox.start()
        defer { sandbox.stop() }
        let plain = "mqtt://127.0.0.1:\(try #require(sandbox.mqttPort))"
        let secure = "mqtts://127.0.0.1:\(try #require(sandbox.mqttsPort))"
        let callers = try devices.enumerated().map { index, device in
            try CallTableMQTTCaller(
                device, index < 2 ? plain : secure, gateway, sandbox, certificates: index < 2 ? nil : certificates,
                gdc: index % 2 == 0 ? nil : gdc)
        }
        func cell(_ text: String, _ width: Int) -> String {
            text.padding(toLength: max(width, text.count + 1), withPad: " ", startingAt: 0)
        }
        var lines = [cell("call", 30) + cell("cloud", 24) + columns.map { cell($0, 18) }.joined()]
        for row in CallTableMQTTRow.all {
            var line = cell(row.name, 30) + cell(row.trace.map { "\($0)" } ?? "-", 24)
            for (column, caller) in zip(columns, callers) {
                let answer = try caller.answer(to: row)
                let hasCall = !row.needsTLS || column.hasPrefix("mqtts")
                let expected = column.hasSuffix("gdc") ? row.gdc : row.library
                #expect(answer == (hasCall ? expected : nil), "\(row) over \(column)")
                line += cell(answer ?? "-", 18)
            }
            lines.append(line)
        }
        lines.append("-: there is no such call; contents need HTTP even when data goes by MQTT")
        print(lines.map { "call table: " + $0 }.joined(separator: "\n"))
    }
}
