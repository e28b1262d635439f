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

    // An answer without a length that ends early looks whole (RFC 9112, 8).
    @Test(
        "a download without a length that ends early is no failure of the release, with a digest or without",
        arguments: [true, false])
    func cutWithoutLength(isDigestKnown: Bool) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let whole = try bytes(
            .quickService("web", "1", extra: ["data": .init(String(repeating: "x", count: 9_000))]), gateway)
        let isHealed = FileFlag(gateway.root + "/healed")
        let server = try PackageServer { _, _ in
            isHealed.isSet
                ? PackageServer.answer(whole, headers: [])
                : PackageServer.answer(whole, headers: [], cutAfter: whole.count / 2)
        }
        defer { server.stop() }
        try manifest(gateway, server.url + "/web.tar.gz", sha256: isDigestKnown ? SHA256.hex(of: whole) : nil)
        for _ in 0..<3 {
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 69 && pass.err.contains("the server told no length"), "\(pass)")
        }
        isHealed.set()
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
    }

    @Test(
        "a package that a server compresses once more is no failure of the release, and is named",
        arguments: [true, false])
    func compressedOnceMore(isDigestKnown: Bool) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let whole = try bytes(.quickService("web", "1"), gateway)
        try Data(whole).write(to: URL(fileURLWithPath: gateway.root + "/whole"))
        #expect(try TestProcess.run("gzip", ["-k", gateway.root + "/whole"]).code == 0)
        let twice = [UInt8](try Data(contentsOf: URL(fileURLWithPath: gateway.root + "/whole.gz")))
        let isHealed = FileFlag(gateway.root + "/healed")
        let server = try PackageServer { _, _ in
            isHealed.isSet
                ? PackageServer.answer(whole)
                : PackageServer.answer(twice, headers: ["Content-Length: \(twice.count)", "Content-Encoding: gzip"])
        }
        defer { server.stop() }
        try manifest(gateway, server.url + "/web.tar.gz", sha256: isDigestKnown ? SHA256.hex(of: whole) : nil)
        for _ in 0..<3 {
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 69 && pass.err.contains("Content-Encoding: gzip"), "\(pass)")
        }
        isHealed.set()
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
    }

    // jizhi0v0/duo-updater#245: a proxy that answers everything with 206.
    @Test(
        "the whole as a part of itself is taken; any other part that was not asked for is not, whatever its numbers",
        arguments: ["whole", "short", "endless", "nonsense"])
    func wholeAsPart(kind: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let whole = try bytes(.quickService("web", "1"), gateway)
        let last = kind == "short" ? whole.count - 2 : whole.count - 1
        let range =
            switch kind {
            case "endless": "0-\(Int64.max)/*"
            case "nonsense": "0-\(Int64.max)/\(Int64.max)"
            default: "0-\(last)/\(whole.count)"
            }
        let server = try PackageServer { _, _ in
            PackageServer.answer(
                Array(whole[...last]), status: "206 Partial Content",
                headers: ["Content-Length: \(last + 1)", "Content-Range: bytes \(range)"])
        }
        defer { server.stop() }
        try manifest(gateway, server.url + "/web.tar.gz")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == (kind == "whole" ? 0 : 69), "\(pass)")
        #expect(kind == "whole" || pass.err.contains("a part that was not asked for"), "\(pass)")
    }

    @Test("what is wrong though all of it came is not fetched again at once")
    func wrongAndWhole() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let whole = try bytes(.quickService("web", "1"), gateway)
        let server = try PackageServer { _, _ in
            PackageServer.answer(whole, headers: ["Content-Length: \(whole.count)", "Content-Encoding: gzip"])
        }
        defer { server.stop() }
        try manifest(gateway, server.url + "/web.tar.gz", sha256: String(repeating: "0", count: 64))
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 69 && pass.err.contains("Content-Encoding: gzip"), "\(pass)")
        #expect(server.requests.count == 1, "\(server.requests)")
    }

    @Test(
        "a redirect to what is not https is told with where it leads",
        arguments: ["http://127.0.0.1:9/x.tar.gz?token=secret", "file:///etc/passwd"])
    func redirect(target: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let server = try PackageServer { _, _ in
            PackageServer.answer([], status: "302 Found", headers: ["Content-Length: 0", "Location: \(target)"])
        }
        defer { server.stop() }
        try manifest(gateway, server.url + "/web.tar.gz")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 69 && pass.err.contains("only https is followed"), "\(pass)")
        #expect(!pass.err.contains("secret"), "\(pass)")
    }

    /// Set by one thread, looked at by another.
    private struct FileFlag: Sendable {
        let path: String
        init(_ path: String) { self.path = path }
        var isSet: Bool { access(path, F_OK) == 0 }
        func set() { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    }
}
