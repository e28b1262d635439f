import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Servers in trouble, seen from a whole gateway: never a fault of the release.
@Suite("Packages from servers in trouble") struct PackageFaultTests {
    private func bytes(_ package: TestPackage, _ gateway: GatewayFixture) throws -> [UInt8] {
        try package.bytes(scratch: gateway.root + "/scratch")
    }

    private func manifest(_ gateway: GatewayFixture, _ url: String, version: String = "1", sha256: String? = nil) throws
    {
        let digest = sha256.map { ", sha256: \"\($0)\"" } ?? ""
        try gateway.manifest(
            "schema: gwe/v1\napps:\n  web: {version: \"\(version)\", artifact: {url: \"\(url)\"\(digest)}}\n")
    }

    @Test("a package that was verified is not called damaged, whatever was unpacked beside its download")
    func restarted() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let text = noise(700_000).map { String($0, radix: 16) }.joined()
        for round in 1...12 {
            let package = TestPackage.quickService("web", "\(round)", extra: ["data": .init(text)])
            let whole = try bytes(package, gateway)
            let wrong = noise(whole.count, seed: UInt64(round))
            let cut = 300_000
            // Cut; then a part with the right place and the wrong bytes; then whole.
            let server = try PackageServer { request, index in
                guard index < 2 else { return PackageServer.answer(whole) }
                guard let start = request.rangeStart else { return PackageServer.answer(whole, cutAfter: cut) }
                return PackageServer.answer(
                    Array(wrong[start...]), status: "206 Partial Content",
                    headers: [
                        "Content-Length: \(whole.count - start)",
                        "Content-Range: bytes \(start)-\(whole.count - 1)/\(whole.count)",
                    ])
            }
            defer { server.stop() }
            try manifest(gateway, server.url + "/web.tar.gz", version: "\(round)", sha256: SHA256.hex(of: whole))
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0, "round \(round): \(pass)")
            #expect(server.requests.count == 3)
        }
    }

    @Test("error pages in place of a package never quarantine it, and it is installed when the server heals")
    func errorPage() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let whole = try bytes(.quickService("web", "1"), gateway)
        let isHealed = FileFlag(gateway.root + "/healed")
        let page = Array("<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>".utf8)
        let server = try PackageServer { _, _ in PackageServer.answer(isHealed.isSet ? whole : page) }
        defer { server.stop() }
        try manifest(gateway, server.url + "/web.tar.gz")
        for _ in 0..<3 {
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 69, "\(pass)")
            #expect(pass.err.contains("the server sent XML text"), "\(pass)")
            #expect(try gateway.row("web")["sync"]?.string == "drifted")
        }
        isHealed.set()
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
    }

    /// Set by one thread, looked at by another.
    private struct FileFlag: Sendable {
        let path: String
        init(_ path: String) { self.path = path }
        var isSet: Bool { access(path, F_OK) == 0 }
        func set() { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    }
}
