import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// A server that takes a connection and says nothing: openclaw/openclaw#108619.
@Suite("Reports of other programs: a silent server of packages") struct SilentPackageServerTests {
    @Test("it is named while the pass waits for it")
    func named() throws {
        let (socket, port) = try Loopback.listen()
        defer { close(socket) }
        let gateway = try GatewayFixture(hasCloud: false)
        let url = "http://127.0.0.1:\(port)/web.v1.tar.gz"
        try gateway.manifest("schema: gwe/v1\napps: {web: {version: \"1\", artifact: {url: \"\(url)\"}}}\n")
        let pass = try gateway.start(["reconcile"])
        defer { pass.kill() }
        try gateway.eventually("it is named") {
            (pass.out + pass.err).contains("waiting for its server (\(url)")
        }
    }
}
