import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// Answers of servers and proxies that hurt other programs, by their public reports, given to a whole gateway. The log of
/// all of them is docs/field-reports.md.
@Suite("Reports of other programs: servers") struct ReportedServersTests {
    /// A gateway whose one package is what the server has, and the package.
    private func gateway() throws -> (GatewayFixture, whole: [UInt8]) {
        let gateway = try GatewayFixture(hasCloud: false)
        let package = TestPackage.quickService(
            "web", "1", extra: ["data": .init(String(repeating: "data\n", count: 900))])
        return (gateway, try package.bytes(scratch: gateway.root + "/scratch"))
    }

    /// One pass with the package from this server.
    private func pass(_ gateway: GatewayFixture, _ server: PackageServer, sha256: String? = nil) throws -> Ran {
        let digest = sha256.map { ", sha256: \"\($0)\"" } ?? ""
        try gateway.manifest(
            "schema: gwe/v1\napps:\n  web: {version: \"1\", artifact: {url: \"\(server.url)/web.tar.gz\"\(digest)}}\n")
        return try gateway.gwe("reconcile", "--offline")
    }

    // owncloud/client#2280, nextcloud/updater#671, munki/macadmin-scripts#86: 416; razzamatazm/mustarrd#146: no
    // Content-Range; jizhi0v0/duo-updater#245: the whole as a part.
    @Test(
        "a resume that is answered with 416, with a part of no place, or with the whole as a part begins anew, and nothing is appended",
        arguments: ["416", "no place", "whole"])
    func oddResume(_ kind: String) throws {
        let (gateway, whole) = try gateway()
        let server = try PackageServer { request, index in
            if index == 0 { return PackageServer.answer(whole, cutAfter: whole.count / 2) }
            guard let start = request.rangeStart else { return PackageServer.answer(whole) }
            switch kind {
            case "416": return PackageServer.answer([], status: "416 Range Not Satisfiable")
            case "no place": return PackageServer.answer(Array(whole[start...]), status: "206 Partial Content")
            default:
                let place = "Content-Range: bytes 0-\(whole.count - 1)/\(whole.count)"
                return PackageServer.answer(
                    whole, status: "206 Partial Content", headers: [place, "Content-Length: \(whole.count)"])
            }
        }
        defer { server.stop() }
        let ran = try pass(gateway, server, sha256: SHA256.hex(of: whole))
        #expect(ran.code == 0, "\(ran)")
        #expect(server.requests.count == 3, "\(server.requests)")
    }

    // BitBoxSwiss/dbb-app#292, conan-io/conan#1901, bazelbuild/bazel#11686, notatallshaw/nab#545
    @Test(
        "a package that is called gzip-encoded, as it is a .gz, is taken as it comes",
        arguments: ["gzip", "x-gzip"], [true, false])
    func encodingLabel(_ label: String, isDigestKnown: Bool) throws {
        let (gateway, whole) = try gateway()
        let server = try PackageServer { _, _ in
            PackageServer.answer(whole, headers: ["Content-Length: \(whole.count)", "Content-Encoding: \(label)"])
        }
        defer { server.stop() }
        let ran = try pass(gateway, server, sha256: isDigestKnown ? SHA256.hex(of: whole) : nil)
        #expect(ran.code == 0, "\(ran)")
    }

    // psf/requests#2275, owncloud/client#2528, scdl-org/scdl#248, httpie/cli#96
    @Test(
        "a body that ends before its announced length, or within its chunks, is no package", arguments: [true, false])
    func shortBody(isChunked: Bool) throws {
        let (gateway, whole) = try gateway()
        let server = try PackageServer { _, _ in
            isChunked
                ? Array(PackageServer.chunked(whole).dropLast(200))
                : PackageServer.answer(whole, headers: ["Content-Length: \(whole.count * 2)"])
        }
        defer { server.stop() }
        let ran = try pass(gateway, server)
        #expect(ran.code == 69, "\(ran)")
        #expect(gateway.current("web") == nil)
        #expect(try gateway.row("web")["sync"]?.string == "drifted")
    }

    // whatwg/fetch#1295
    @Test("bytes behind the announced length are no part of the package")
    func longBody() throws {
        let (gateway, whole) = try gateway()
        let server = try PackageServer { _, _ in
            PackageServer.answer(
                whole + [UInt8](repeating: 120, count: 1_000), headers: ["Content-Length: \(whole.count)"])
        }
        defer { server.stop() }
        let ran = try pass(gateway, server)
        #expect(ran.code == 0, "\(ran)")
    }

    // hackerfactor/SEAL-C#19, owncloud/core#11032, curl/curl#4094
    @Test(
        "a redirect to a file of this machine, or to another protocol, is not followed",
        arguments: ["file:///etc/passwd", "gopher://127.0.0.1:1/x"])
    func redirect(_ target: String) throws {
        let (gateway, _) = try gateway()
        let server = try PackageServer { _, _ in
            PackageServer.answer([], status: "302 Found", headers: ["Location: \(target)", "Content-Length: 0"])
        }
        defer { server.stop() }
        let ran = try pass(gateway, server)
        #expect(ran.code == 69, "\(ran)")
        #expect(gateway.current("web") == nil)
    }

    // snoyberg/http-client#521
    @Test("103 Early Hints and 100 Continue before the answer are not the answer")
    func earlyHints() throws {
        let (gateway, whole) = try gateway()
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        let server = try PackageServer { _, _ in Array(hints.utf8) + PackageServer.answer(whole) }
        defer { server.stop() }
        let ran = try pass(gateway, server, sha256: SHA256.hex(of: whole))
        #expect(ran.code == 0, "\(ran)")
    }

    // acmesh-official/acme.sh#7201, supabase/supabase-js#2634, NousResearch/hermes-agent#84762
    @Test(
        "a server that asks to wait for long is asked once in a pass, whatever the form",
        arguments: ["Thu, 31 Dec 2099 23:59:59 GMT", "99999999999"])
    func retryAfter(_ value: String) throws {
        let (gateway, _) = try gateway()
        let server = try PackageServer { _, _ in
            PackageServer.answer(
                [], status: "503 Service Unavailable", headers: ["Retry-After: \(value)", "Content-Length: 0"])
        }
        defer { server.stop() }
        let ran = try pass(gateway, server)
        #expect(ran.code == 69, "\(ran)")
        #expect(server.requests.count == 1)
    }
}
