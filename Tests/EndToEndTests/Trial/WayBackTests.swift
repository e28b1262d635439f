import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What must not end in an outage: a release that fails and what came before it, wishes that are refused, files that are
/// half written, reads that fail once.
@Suite("Ways back") struct WayBackTests {
    private static let crash = TestPackage.File.script("exit 9")

    @Test("a release that crashes at its start is taken back by the cloud, which only names the one before")
    func crashIsTakenBack() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.quickService("web", "1"))
        let conf = TestPackage.File("[supervisord]\ncommand=bin/run\nstartsecs=1\nstartretries=9\n")
        try gateway.upload(.service("web", "2", extra: ["bin/run": WayBackTests.crash, "supervisor.conf": conf]))
        try gateway.withDaemon { _ in
            try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
            #expect(try gateway.gwe("reconcile").code == 0)
            try gateway.command(#"{"install":[{"name":"web.v2.tar.gz"}]}"#)
            _ = try gateway.gwe("reconcile")
            try gateway.eventually("2 fails") { try gateway.row("web")["state"]?.string == "BACKOFF" }
            try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
            let back = try gateway.gwe("reconcile")
            #expect(back.code == 0, "\(back)")
            #expect(gateway.current("web")?.hasPrefix("1-") == true)
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        }
    }

    @Test("a healthy release is not replaced by the one before: an old command may be replayed")
    func healthyStays() throws {
        let gateway = try GatewayFixture()
        for version in ["1", "2"] { try gateway.upload(.quickService("web", version)) }
        try gateway.withDaemon { _ in
            for version in ["1", "2"] {
                try gateway.command(#"{"install":[{"name":"web.v\#(version).tar.gz"}]}"#)
                #expect(try gateway.gwe("reconcile").code == 0)
            }
            try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
            let refused = try gateway.gwe("reconcile")
            #expect(refused.code == 1 && refused.out.contains("downgrade from 2 to 1 refused"), "\(refused)")
            // The cloud's word counts where the local manifest is silent.
            let manifest = #"{"schema":"gwe/v1","apps":{"web":{"version":"1"}},"policy":{"allow_downgrade":true}}"#
            try gateway.command(manifest)
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(gateway.current("web")?.hasPrefix("1-") == true)
        }
    }

    @Test(
        "gwe install of a lower version is refused and leaves no wish; --allow-downgrade does it",
        arguments: [true, false])
    func installOfLower(_ hasDaemon: Bool) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        var paths: [String: String] = [:]
        for version in ["1", "2"] {
            let package = TestPackage.quickService("web", version)
            paths[version] = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(
                to: URL(fileURLWithPath: paths[version]!))
        }
        func body() throws {
            #expect(try gateway.gwe("install", paths["2"]!).code == 0)
            let before = try gateway.gwe("status", "web").out
            let refused = try gateway.gwe("install", paths["1"]!)
            #expect(refused.code == 65 && refused.err.contains("--allow-downgrade"), "\(refused)")
            #expect(try gateway.row("web")["desired"]?.string == "2")
            #expect(try gateway.row("web")["sync"]?.string == "synced", "\(before)")
            #expect(gateway.current("web")?.hasPrefix("2-") == true)
            let done = try gateway.gwe("install", "--allow-downgrade", paths["1"]!)
            #expect(done.code == 0, "\(done)")
            #expect(gateway.current("web")?.hasPrefix("1-") == true)
        }
        if hasDaemon { try gateway.withDaemon { _ in try body() } } else { try body() }
    }

    @Test("after a failure in its chain nothing that runs is interrupted", arguments: ["app", "all"])
    func chain(_ atomic: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let needs = ["b": "a", "c": "b"]
        try gateway.services(["a", "b", "c"].map { .quickService($0, "1") }, requires: needs)
        try gateway.withDaemon { _ in
            try gateway.eventually("all run") {
                try ["a", "b", "c"].allSatisfy { try gateway.row($0)["state"]?.string == "RUNNING" }
            }
            let c = try gateway.pid(of: "c")
            let conf = TestPackage.File("[supervisord]\ncommand=bin/run\nstartsecs=1\nstartretries=0\n")
            try gateway.services(
                [
                    .quickService("a", "2"),
                    .service("b", "2", extra: ["bin/run": WayBackTests.crash, "supervisor.conf": conf]),
                    .quickService("c", "2"),
                ], requires: needs)
            let text = try #require(gateway.read(gateway.configFolder + "/manifest.yaml"))
            try gateway.manifest(text + "policy: {atomic: \(atomic)}\n")
            let pass = try gateway.gwe("reconcile", "--offline")
            #expect(pass.code == 1 && pass.out.contains("c: "), "\(pass)")
            #expect(try gateway.pid(of: "c") == c && gateway.current("c")?.hasPrefix("1-") == true, "\(pass)")
        }
    }

    @Test("nothing is removed because of a manifest that is still being written")
    func halfManifest() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services(["a", "b", "c"].map { .oneOff($0, "1") })
        #expect(try gateway.gwe("reconcile").code == 0)
        let whole = try #require(gateway.read(gateway.configFolder + "/manifest.yaml"))
        let half = whole.split(separator: "\n").prefix(3).joined(separator: "\n") + "\n"
        let path = gateway.configFolder + "/manifest.yaml"
        let writer = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
        try #require(writer >= 0)
        _ = half.withCString { write(writer, $0, strlen($0)) }
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 75 && pass.err.contains("being written"), "\(pass)")
        #expect(["a", "b", "c"].allSatisfy { gateway.current($0) != nil })
        // The rest comes while the next pass waits.
        let waiting = try gateway.start(["reconcile"])
        try gateway.eventually("it waits") { waiting.err.contains("being written") }
        _ = whole.dropFirst(half.count).withCString { write(writer, $0, strlen($0)) }
        close(writer)
        let ran = waiting.wait()
        #expect(ran.code == 0, "\(ran)")
        #expect(["a", "b", "c"].allSatisfy { gateway.current($0) != nil })
        // What stands is followed.
        try gateway.manifest(half)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(gateway.current("b") == nil && gateway.current("a") != nil)
    }

    @Test("a read of the journal that fails once loses nothing: holds stay, and no journal is set aside")
    func transientRead() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.oneOff("web", "1"), .oneOff("old", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("hold", "web").code == 0)
        try gateway.services([.oneOff("web", "2")])
        var damaged = 0
        for occurrence in 1...12 {
            let ran = try TestProcess.run(
                "/usr/bin/strace",
                [
                    "-f", "-qq", "-o", gateway.root + "/trace", "-e", "trace=pread64", "-e",
                    "inject=pread64:error=EIO:when=\(occurrence)", Repository.products + "/gwe", "reconcile",
                    "--offline", "--dry-run",
                ], environment: gateway.variables)
            if (try? String(contentsOfFile: gateway.root + "/trace", encoding: .utf8))?.contains("(INJECTED)") == true {
                damaged += 1
            }
            #expect(ran.code != nil, "\(occurrence): \(ran)")
            _ = try TestProcess.run(
                "/usr/bin/strace",
                [
                    "-f", "-qq", "-o", "/dev/null", "-e", "trace=pread64", "-e",
                    "inject=pread64:error=EIO:when=\(occurrence)", Repository.products + "/gwe", "reconcile",
                    "--offline",
                ], environment: gateway.variables)
            #expect(!gateway.names(gateway.stateFolder).contains { $0.contains("broken") }, "occurrence \(occurrence)")
            #expect(gateway.current("web")?.hasPrefix("1-") == true, "occurrence \(occurrence)")
        }
        #expect(damaged > 0)
    }

    @Test("where the journal is really damaged, what operators asked for is kept as far as it can be read")
    func damageKeepsHolds() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.oneOff("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("hold", "web").code == 0)
        try gateway.services([.oneOff("web", "2")])
        // A page of the index of steps, far from the layers.
        let file = gateway.stateFolder + "/journal.db"
        let page = try TestProcess.run(
            "/usr/bin/python3",
            [
                "-c",
                "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute(\"SELECT rootpage FROM sqlite_master WHERE name='step'\").fetchone()[0])",
                file,
            ])
        let number = try #require(Int(page.out.trimmingCharacters(in: .whitespacesAndNewlines)))
        try TestProcess.shell(
            "dd if=/dev/zero of=\"$1\" bs=4096 seek=\(number - 1) count=1 conv=notrunc 2>/dev/null", file)
        let ran = try gateway.gwe("reconcile", "--offline")
        #expect(ran.err.contains("stays in force"), "\(ran)")
        #expect(gateway.current("web")?.hasPrefix("1-") == true, "\(ran)")
        #expect(gateway.names(gateway.stateFolder).contains("journal.db.broken-1"))
    }

    @Test("a state folder that is mounted noexec is blamed itself, not the package; doctor names it")
    func noexec() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try FileManager.default.createDirectory(atPath: gateway.stateFolder, withIntermediateDirectories: true)
        try #require(mount("tmpfs", gateway.stateFolder, "tmpfs", UInt(MS_NOEXEC), nil) == 0)
        defer { umount2(gateway.stateFolder, Int32(MNT_DETACH)) }
        try gateway.services([.oneOff("tool", "1")])
        let pass = try gateway.gwe("reconcile", "--offline")
        #expect(pass.err.contains("\(gateway.stateFolder) is mounted noexec"), "\(pass)")
        #expect(!pass.err.contains("x bit"), "\(pass)")
        let doctor = try gateway.gwe("doctor", "read-only")
        #expect(doctor.code != 0 && doctor.out.contains("noexec"), "\(doctor)")
    }
}
