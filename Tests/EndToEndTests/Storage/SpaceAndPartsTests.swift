import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What is done on a disk that is too small for all of it, and what is not taken away too soon.
@Suite("Space, parts and half manifests") struct SpaceAndPartsTests {
    @Test("what fits is done although another app does not: 60, and both are told", .enabled(if: getuid() == 0))
    func oneFits() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let disk = try SmallDisk(gateway.stateFolder, size: "3m")
        defer { disk.unmount() }
        let data = noise(1_000_000).map { String($0, radix: 16) }.joined()
        try gateway.services([
            .quickService("big", "1", extra: ["data": .init(data)]), .quickService("small", "1"),
        ])
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 60, "\(pass)")
        #expect(pass.out.contains("done all the same: small"), "\(pass)")
        #expect(pass.err.contains("big: not enough space: about"), "\(pass)")
        #expect(gateway.current("small") != nil && gateway.current("big") == nil)
        // All or nothing stays so.
        try gateway.services([
            .quickService("big", "1", extra: ["data": .init(data)]), .quickService("small", "2"),
        ])
        let next = try #require(gateway.read(gateway.configFolder + "/manifest.yaml"))
        try gateway.manifest(next + "policy: {atomic: all}\n")
        #expect(try gateway.gwe("reconcile").code == 60)
        #expect(gateway.current("small")?.hasPrefix("1-") == true)
    }

    @Test("a part of a download stays while the manifest that forgets it is being written, and goes when it stands")
    func halfManifest() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.oneOff("a", "1")])
        let path = gateway.configFolder + "/manifest.yaml"
        let half = try #require(gateway.read(path))
        try gateway.manifest(half + "  late: {version: \"1\", artifact: {path: \(gateway.root)/late.v1.tar.gz}}\n")
        let first = try gateway.gwe("reconcile")
        #expect(first.code != 0 && gateway.current("a") != nil, "\(first)")
        let part = gateway.stateFolder + "/downloads/late.v1.tar.gz.partial"
        try gateway.write("x", to: part)
        let writer = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
        try #require(writer >= 0)
        _ = half.withCString { write(writer, $0, strlen($0)) }
        let waiting = try gateway.start(["reconcile"])
        try gateway.eventually("it waits") { waiting.err.contains("being written") }
        #expect(gateway.read(part) == "x")
        close(writer)
        let ran = waiting.wait()
        #expect(ran.code == 0, "\(ran)")
        let next = try gateway.gwe("reconcile")
        #expect(next.code == 0, "\(next)")
        #expect(gateway.read(part) == nil)
    }

    @Test("a read of usage.db that fails once sets no file aside")
    func transientUsage() throws {
        let gateway = try GatewayFixture()
        #expect(try gateway.gwe("reconcile").code == 0)
        let path = gateway.stateFolder + "/usage.db"
        try #require(FileTree.exists(path))
        var injected = 0
        for occurrence in 1...6 {
            _ = try TestProcess.run(
                "/usr/bin/strace",
                [
                    "-f", "-qq", "-o", gateway.root + "/trace", "-P", path, "-e", "trace=pread64", "-e",
                    "inject=pread64:error=EIO:when=\(occurrence)", Repository.products + "/gwe", "reconcile",
                ], environment: gateway.variables)
            if gateway.read(gateway.root + "/trace")?.contains("(INJECTED)") == true { injected += 1 }
            #expect(!gateway.names(gateway.stateFolder).contains { $0.contains("broken") }, "occurrence \(occurrence)")
        }
        #expect(injected > 0)
    }

    @Test("what the journal notes of a failed start goes with the app")
    func failedStart() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let conf = TestPackage.File("[supervisord]\ncommand=bin/run\nstartsecs=1\nstartretries=0\n")
        try gateway.services([
            .service("web", "1", extra: ["bin/run": .script("exit 3"), "supervisor.conf": conf])
        ])
        func notes() throws -> Int {
            let journal = try Database(path: gateway.stateFolder + "/journal.db", mode: .readOnly)
            return try journal.query("SELECT key FROM meta WHERE key LIKE 'failed_start/%'").count
        }
        try gateway.withDaemon { _ in
            try gateway.eventually("its start has failed") { try notes() == 1 }
            try gateway.manifest("schema: gwe/v1\napps: {web: {state: absent}}\n")
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 0, "\(ran)")
            #expect(try notes() == 0)
        }
    }
}
