import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Whole gateways on disks that are too small, on a real tmpfs.
@Suite("A full disk", .enabled(if: getuid() == 0)) struct FullDiskTests {
    /// A gateway whose state folder is a disk of its own.
    private struct Bench {
        let gateway: GatewayFixture
        let disk: SmallDisk

        init(_ size: String) throws {
            gateway = try GatewayFixture(hasCloud: false)
            disk = try SmallDisk(gateway.stateFolder, size: size)
        }

        /// Puts a package beside the manifest; returns what the manifest says of it.
        func entry(_ package: TestPackage) throws -> String {
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            return "  \(package.name): {version: \"\(package.version)\", artifact: {path: \(path)}}\n"
        }

        func manifest(_ entries: String...) throws {
            try gateway.manifest(
                "schema: gwe/v1\n" + (entries.isEmpty ? "apps: {}\n" : "apps:\n" + entries.joined()))
        }

        var downloads: [String] { gateway.names(gateway.stateFolder + "/downloads") }
    }

    /// Text that hardly compresses, of about so many bytes when packed.
    private static func ballast(_ byteCount: Int, seed: UInt64 = 7) -> TestPackage.File {
        let text = noise(byteCount * 2 / 3, seed: seed).map { String($0, radix: 16) }.joined()
        return .init(text)
    }

    private static func problems(_ gateway: GatewayFixture) throws -> [String] {
        try gateway.status().document["problems"]?.elements?.compactMap(\.string) ?? []
    }

    // MARK: downloads without an end

    // elastic/elastic-agent#3920 and #5235: an upgrade fills the file system, and what it brought stays.
    @Test("a download of unknown length ends with 60 while there is space; nothing stays, status and history say why")
    func endlessDownload() throws {
        let bench = try Bench("20m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        let server = try PackageServer { _, _ in PackageServer.chunked([0x1F, 0x8B, 8, 0] + noise(30 << 20)) }
        defer { server.stop() }
        try bench.manifest("  big: {version: \"1\", artifact: {url: \"\(server.url)/big.v1.tar.gz\"}}\n")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 60, "\(pass)")
        #expect(pass.err.contains("not enough space: its length is not known"), "\(pass)")
        #expect(bench.downloads == [])
        #expect(bench.disk.freeByteCount > 18 << 20)
        let problems = try Self.problems(gateway)
        #expect(problems.contains { $0.contains("not enough space") && $0.contains("tried again") }, "\(problems)")
        let history = try gateway.gwe("history")
        #expect(history.out.contains("failed"), "\(history)")
        // Nothing is wrong with the gateway: the wish taken back, all is well.
        try bench.manifest()
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("status").code == 0)
    }

    @Test("parts of downloads that no wish wants any more go with the next pass, before anything is written")
    func unwantedParts() throws {
        let bench = try Bench("8m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        try bench.manifest(try bench.entry(.quickService("web", "1")))
        #expect(try gateway.gwe("reconcile").code == 0)
        // What an older program left: a part that fills the disk to the last byte, and no reserve.
        try #require(unlink(gateway.stateFolder + "/ballast") == 0)
        try bench.disk.fill("downloads/big.v1.tar.gz.partial")
        #expect(bench.disk.freeByteCount < 4_096)
        try bench.manifest(try bench.entry(.quickService("web", "2")))
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(gateway.current("web")?.hasPrefix("2-") == true)
        #expect(!bench.downloads.contains { $0.hasPrefix("big") }, "\(bench.downloads)")
        #expect(FileTree.exists(gateway.stateFolder + "/ballast"))
    }

    // MARK: packages that never were in force

    // rust-lang/rustup#1474, PackageKit/PackageKit#194: what failed is kept beside what comes next, again and again.
    @Test("twenty broken versions leave one package, a failing installer too; and with apps: {} nothing is left")
    func brokenVersions() throws {
        let bench = try Bench("30m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        let server = try PackageServer { request, index in
            PackageServer.answer([0x1F, 0x8B, 8, 0] + noise(1 << 20, seed: UInt64(index + 1)))
        }
        defer { server.stop() }
        for version in 1...20 {
            try bench.manifest(
                "  web: {version: \"\(version)\", artifact: {url: \"\(server.url)/web.v\(version).tar.gz\"}}\n")
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 1, "\(pass)")
        }
        #expect(bench.downloads == ["web.v20.tar.gz", "web.v20.tar.gz.origin"], "\(bench.downloads)")
        try bench.manifest(
            try bench.entry(.oneOff("web", "21", extra: ["install.sh": .script("echo no >&2; exit 3")])))
        #expect(try gateway.gwe("reconcile").code == 1)
        #expect(bench.downloads.allSatisfy { $0.hasPrefix("web.v21") }, "\(bench.downloads)")
        try bench.manifest()
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(bench.downloads == [])
        // What is no download of gwe's is nobody's to remove.
        try gateway.write("mine", to: gateway.stateFolder + "/downloads/README")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(bench.downloads == ["README"])
    }

    @Test("a release that cannot be removed is told by status, and goes when what held it is gone")
    func heldRelease() throws {
        let bench = try Bench("30m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        let mounting = TestPackage.oneOff(
            "web", "1", extra: ["install.sh": .script("mkdir -p m")])
        let policy = "policy: {keep_versions: 1}\n"
        try bench.manifest(try bench.entry(mounting), policy)
        let first = try gateway.gwe("reconcile")
        #expect(first.code == 0, "\(first)")
        // As an app or a person leaves it; an installer that does is refused by the inventory.
        let folder = gateway.currentFolder(of: "web") + "/m"
        try #require(mount("none", folder, "tmpfs", 0, nil) == 0)
        try bench.manifest(try bench.entry(.oneOff("web", "2")), policy)
        let pass = try gateway.gwe("reconcile")
        let releases = gateway.stateFolder + "/releases/web"
        func trash() -> [String] { gateway.names(releases).filter { $0.hasPrefix(".trash-") } }
        defer { for name in trash() { umount2("\(releases)/\(name)/m", Int32(MNT_DETACH)) } }
        #expect(pass.code == 0, "\(pass)")
        #expect(trash().count == 1, "\(gateway.names(releases))")
        #expect(try Self.problems(gateway).contains { $0.contains("umount it") && $0.contains(releases) })
        // As long as it holds, it is told once and no oftener.
        #expect(try gateway.gwe("reconcile").err.isEmpty)
        for name in trash() { try #require(umount2("\(releases)/\(name)/m", Int32(MNT_DETACH)) == 0) }
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(trash() == [])
        #expect(try gateway.gwe("status").code == 0)
    }

    // MARK: repair at zero bytes

    @Test(
        "with no byte free, an app is removed by another manifest, and makes room for the next", arguments: [0, 16_384])
    func removalMakesRoom(free: Int64) throws {
        let bench = try Bench("3m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        let web = try bench.entry(.quickService("web", "1"))
        let old = try bench.entry(.quickService("old", "1", extra: ["data": Self.ballast(400_000)]))
        try bench.manifest(web, old)
        #expect(try gateway.gwe("reconcile").code == 0)
        try bench.disk.fill(leaving: free)
        #expect(bench.disk.freeByteCount <= free)
        // The newer web needs more than is free, and less than the removal gives back.
        let newer = try bench.entry(.quickService("web", "2", extra: ["more": Self.ballast(40_000, seed: 8)]))
        try bench.manifest(newer)
        let plan = try gateway.dryRun()
        #expect(plan.code == 2, "\(plan)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(gateway.current("old") == nil && gateway.current("web")?.hasPrefix("2-") == true)
        #expect(FileTree.exists(gateway.stateFolder + "/ballast"))
    }

    @Test("what needs no space is done although the rest does not fit: 60, and both are told")
    func partly() throws {
        let bench = try Bench("3m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        let old = try bench.entry(.quickService("old", "1"))
        try bench.manifest(old, try bench.entry(.quickService("web", "1")))
        #expect(try gateway.gwe("reconcile").code == 0)
        let big = try bench.entry(.quickService("web", "2", extra: ["data": Self.ballast(1_500_000)]))
        try bench.manifest(big)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 60, "\(pass)")
        #expect(pass.out.contains("not enough space: about") && pass.out.contains("done all the same: old"), "\(pass)")
        #expect(gateway.current("old") == nil && gateway.current("web")?.hasPrefix("1-") == true)
        let problems = try Self.problems(gateway)
        #expect(problems.contains { $0.contains("not enough space") }, "\(problems)")
        let history = try gateway.gwe("history")
        #expect(history.out.contains("Not enough space"), "\(history)")
        // Room, and all is well again.
        try bench.manifest(try bench.entry(.quickService("web", "1")))
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try Self.problems(gateway) == [])
    }

    @Test("with no byte free and a daemon, stop, hold, unhold and remove work, one after another")
    func commands() throws {
        let bench = try Bench("4m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        let tool = TestPackage.quickService("tool", "1")
        _ = try bench.entry(tool)
        try bench.manifest(try bench.entry(.quickService("web", "1")))
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
            #expect(try gateway.gwe("install", "\(gateway.root)/\(tool.fileName)").code == 0)
            try bench.disk.fill()
            #expect(bench.disk.freeByteCount < 4_096)
            for arguments in [
                ["hold", "tool"], ["unhold", "tool"], ["stop", "web"], ["start", "web"], ["stop", "web"],
                ["remove", "tool"],
            ] {
                let ran = try gateway.start(arguments).wait()
                #expect(ran.code == 0, "\(arguments): \(ran)")
            }
            #expect(gateway.current("tool") == nil)
            try bench.manifest()
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0, "\(pass)")
            #expect(gateway.current("web") == nil)
        }
    }

    @Test("the daemon says when it tries again, and the journal's own lack of space ends with 60 in words")
    func daemonTriesAgain() throws {
        let bench = try Bench("4m")
        let gateway = bench.gateway
        defer { bench.disk.unmount() }
        try bench.manifest(try bench.entry(.quickService("web", "1")))
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
            try bench.disk.fill(leaving: 500_000)
            try bench.manifest(
                try bench.entry(.quickService("web", "2", extra: ["data": Self.ballast(900_000)])))
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 60, "\(pass)")
            let problems = try Self.problems(gateway)
            #expect(
                problems.contains { $0.contains("not enough space") && $0.contains("it is tried again in ") },
                "\(problems)")
            #expect(!problems.contains { $0.contains("tried again in 1h") || $0.contains("in 4h") }, "\(problems)")
        }
    }
}
