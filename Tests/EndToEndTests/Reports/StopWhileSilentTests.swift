import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A stop while somebody is waited for who says nothing: systemd/systemd#16036.
@Suite("Reports of other programs: a stop while a server is silent") struct StopWhileSilentTests {
    /// Without an end of what is under way a stop takes 20 s.
    private static let limit: Duration = .seconds(15)

    /// Ends the daemon as soon as it has a connection to a port, and checks that it does not wait.
    private func stop(_ daemon: TestProcess, at port: UInt16, _ gateway: GatewayFixture) throws {
        defer { gateway.killApps() }
        try gateway.eventually("it waits for the server") { try Loopback.hasConnections(to: port) }
        let begin = MonotonicTime.now
        daemon.send(SIGTERM)
        let ran = daemon.wait()
        #expect(begin.duration(to: .now) < Self.limit)
        #expect(ran.code == 0, "\(ran)")
        let text = ran.out + ran.err
        #expect(text.contains("stopping") && !text.contains("stopped on request"), "\(ran)")
    }

    @Test("the cloud takes the connection and never answers")
    func cloud() throws {
        let (socket, port) = try Loopback.listen()
        defer { close(socket) }
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write(
            """
            schema: gwe/v1
            product: \(GatewayFixture.product)
            cloud: http://127.0.0.1:\(port)
            identity: \(gateway.id)

            """, to: gateway.configFolder + "/gateway.yaml")
        let token = try TestProcess(
            "gwe", ["config", "set", "token", "-"], environment: gateway.variables,
            input: String(repeating: "a1b2c3d4", count: 5) + "\n", scratch: gateway.root + "/scratch"
        ).wait()
        try #require(token.code == 0, "\(token)")
        try stop(try gateway.startDaemon(), at: port, gateway)
    }

    @Test("a server of packages takes the connection and never answers; the next daemon takes up the same pass")
    func package() throws {
        let (socket, port) = try Loopback.listen()
        defer { close(socket) }
        let gateway = try GatewayFixture(hasCloud: false)
        let package = TestPackage.quickService("web", "1")
        try gateway.manifest(
            "schema: gwe/v1\napps: {web: {version: \"1\", artifact: "
                + "{url: \"http://127.0.0.1:\(port)/\(package.fileName)\"}}}\n")
        try stop(try gateway.startDaemon(), at: port, gateway)
        // Nothing of that counts against the release.
        try gateway.services([package])
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
    }
}
