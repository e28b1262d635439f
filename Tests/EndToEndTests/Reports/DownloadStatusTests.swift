import Documents
import Foundation
import GatewaySystem
import Glibc
import Synchronization
import TestSupport
import Testing

/// What the status says of a package that a server does not give.
@Suite("Reports of other programs: the status of a download that fails") struct DownloadStatusTests {
    /// A gateway whose app comes from a server that gives its package only while `isOpen`.
    private func gateway(
        _ status: String, _ headers: [String], _ isOpen: Flag
    ) throws -> (GatewayFixture, PackageServer) {
        let gateway = try GatewayFixture(hasCloud: false)
        let package = TestPackage.quickService("web", "1")
        let bytes = try package.bytes(scratch: gateway.root + "/scratch")
        let server = try PackageServer { _, _ in
            isOpen.isSet
                ? PackageServer.answer(bytes)
                : PackageServer.answer([], status: status, headers: ["Content-Length: 0"] + headers)
        }
        try gateway.manifest(
            "schema: gwe/v1\napps: {web: {version: \"1\", artifact: {url: \"\(server.url)/\(package.fileName)\"}}}\n")
        return (gateway, server)
    }

    /// Something that two threads look at.
    private final class Flag: Sendable {
        private let value = Lock(false)
        var isSet: Bool { value.withLock { $0 } }
        func set() { value.withLock { $0 = true } }
    }

    private func error(_ gateway: GatewayFixture) throws -> String? { try gateway.row("web")["last_error"]?.string }

    @Test("a server that asks to be left alone is named, and so is when it is asked again, which is when it said")
    func retryAfter() throws {
        let isOpen = Flag()
        let (gateway, server) = try gateway("429 Too Many Requests", ["Retry-After: 7200"], isOpen)
        defer { server.stop() }
        try gateway.withDaemon { daemon in
            try gateway.eventually("the status tells") {
                let error = try error(gateway) ?? ""
                // The poll is four hours away.
                return error.contains("the server answered 429")
                    && (error.contains("it is tried again in 1h") || error.contains("it is tried again in 2h"))
            }
            #expect((daemon.out + daemon.err).contains("a server of packages asks to be left alone"))
            let text = try gateway.gwe("status", "web").out
            #expect(text.contains("the server answered 429"), "\(text)")
            #expect(server.requests.count == 1)
            isOpen.set()
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 0, "\(ran)")
            try gateway.eventually("nothing is wrong any more") {
                let row = try gateway.row("web")
                return row["state"]?.string == "RUNNING" && row["last_error"]?.string == nil
            }
        }
    }

    @Test("without a daemon the status says why, and that the next pass tries again")
    func withoutDaemon() throws {
        let (gateway, server) = try gateway("404 Not Found", [], Flag())
        defer { server.stop() }
        #expect(try gateway.gwe("reconcile").code == 69)
        let error = try error(gateway) ?? ""
        #expect(error.contains("the server answered 404") && error.hasSuffix("it is tried again with the next pass"))
        #expect(try gateway.gwe("status").out.contains("the server answered 404"))
    }
}
