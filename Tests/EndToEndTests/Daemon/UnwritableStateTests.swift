import MuranoSandbox
import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A state folder that takes no writes, or that is gone.
@Suite("a daemon on storage that went away") struct UnwritableStateTests {
    /// A gateway whose state folder is a file system of its own, with two apps that have run.
    private final class Mounted {
        let gateway: GatewayFixture

        init() throws {
            gateway = try GatewayFixture(hasCloud: false)
            try FileManager.default.createDirectory(atPath: gateway.stateFolder, withIntermediateDirectories: true)
            try #require(mount("tmpfs", gateway.stateFolder, "tmpfs", 0, "size=4m") == 0)
            try gateway.services([.quickService("web", "1"), .quickService("db", "1")])
            try gateway.withDaemon { (_) throws in
                try gateway.eventually("both run") { try gateway.status().code == 0 }
            }
        }

        deinit { umount2(gateway.stateFolder, Int32(MNT_DETACH)) }

        func remount(readOnly: Bool) throws {
            let flags = UInt(MS_REMOUNT) | (readOnly ? UInt(MS_RDONLY) : 0)
            try #require(mount("tmpfs", gateway.stateFolder, "tmpfs", flags, nil) == 0, "\(errno)")
        }
    }

    @Test(
        "with a read-only state folder at its start the daemon runs what it knows, says so, and goes on when it can be written",
        arguments: ["", "lock", "journal.db"])
    func readOnly(missing: String) throws {
        let mounted = try Mounted()
        let gateway = mounted.gateway
        if !missing.isEmpty { try #require(unlink(gateway.stateFolder + "/" + missing) == 0) }
        try mounted.remount(readOnly: true)
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("both run") {
                try gateway.pid(of: "web") != nil && gateway.pid(of: "db") != nil
            }
            #expect(daemon.err.contains("the apps run from what is known"), "\(daemon.err)")
            let status = try gateway.gwe("status")
            #expect(status.out.contains("\(gateway.stateFolder) takes no writes"), "\(status)")
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 77, "\(pass)")
            #expect(pass.out.contains("the apps run from what is known"), "\(pass)")
            let web = try #require(try gateway.pid(of: "web"))
            // Nobody else takes the folder meanwhile.
            let other = try gateway.start(["run"]).wait()
            #expect(other.code == 75, "\(other)")
            #expect((other.out + other.err).contains("process \(daemon.pid)"), "\(other)")
            let doctor = try gateway.gwe("doctor", "daemon")
            #expect(doctor.out.contains("pid \(daemon.pid)"), "\(doctor)")
            try mounted.remount(readOnly: false)
            let next = try gateway.gwe("reconcile")
            #expect(next.code == 0, "\(next)")
            #expect(try gateway.pid(of: "web") == web)
            #expect(try gateway.gwe("stop", "web").code == 0)
        }
    }

    @Test("with a full state folder at its start the daemon runs what it knows")
    func full() throws {
        let mounted = try Mounted()
        let gateway = mounted.gateway
        let path = gateway.stateFolder + "/full"
        let fd = open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(fd >= 0)
        let page = [UInt8](repeating: 0, count: 4_096)
        while write(fd, page, page.count) > 0 {}
        close(fd)
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("both run") {
                try gateway.pid(of: "web") != nil && gateway.pid(of: "db") != nil
            }
            try #require(unlink(path) == 0)
            #expect(try gateway.gwe("reconcile").code == 0)
        }
    }

    @Test(
        "a state folder that is removed or renamed under the daemon ends it with a word, and its apps",
        arguments: [true, false])
    func removed(isRenamed: Bool) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let daemon = try gateway.startDaemon()
        defer { daemon.kill() }
        try gateway.eventually("web runs") { try gateway.status().code == 0 }
        let web = try #require(try gateway.pid(of: "web"))
        if isRenamed {
            try #require(rename(gateway.stateFolder, gateway.root + "/elsewhere") == 0)
        } else {
            // What is written meanwhile comes back once.
            try TestProcess.shell("rm -rf \"$1\" || rm -rf \"$1\"", gateway.stateFolder)
        }
        try gateway.eventually("it ends") { !daemon.isRunning }
        let ran = daemon.wait()
        #expect(ran.code == 74, "\(ran)")
        #expect(ran.err.contains("the state folder \(gateway.stateFolder) was removed"), "\(ran)")
        #expect(kill(web, 0) != 0, "its app has ended")
        // The next one begins anew.
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("web runs again") { try gateway.status().code == 0 }
        }
    }

    // MARK: what commands say

    @Test("doctor gives the daemon's pid also where the lock could not say it, on a full state folder")
    func pidOnFullDisk() throws {
        let mounted = try Mounted()
        let gateway = mounted.gateway
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("both run") { try gateway.status().code == 0 }
            try #require(truncate(gateway.stateFolder + "/lock", 0) == 0)
            let doctor = try gateway.gwe("doctor", "daemon")
            #expect(doctor.code == 0 && doctor.out.contains("it runs, pid \(daemon.pid)"), "\(doctor)")
        }
    }

    @Test("a pass that Ctrl-C ended without a daemon is interrupted in the history at once")
    func interrupted() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let installer = "touch \"$GWE_DATA_DIR/begun\"; exec sleep 1000"
        try gateway.services([.quickService("slow", "1", extra: ["install.sh": .script(installer)])])
        let pass = try gateway.start(["reconcile"])
        try gateway.eventually("the installer runs") { FileTree.exists(gateway.stateFolder + "/data/slow/begun") }
        #expect(try gateway.gwe("history").out.contains("running"))
        pass.send(SIGINT)
        _ = pass.wait()
        let history = try gateway.gwe("history")
        #expect(history.out.contains("interrupted") && !history.out.contains("running"), "\(history)")
        #expect(try gateway.gwe("history", "--json").json?.elements?.first?["outcome"]?.string == "interrupted")
    }

    @Test("right after a pass the status knows when the next is")
    func nextPoll() throws {
        let gateway = try GatewayFixture()
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            gateway.sandbox.stop()
            // After the first failure the next try is due in less than the poll's four hours.
            let failed = try gateway.gwe("reconcile")
            let text = try gateway.status().document["next_poll"]?.string ?? ""
            #expect(!text.contains("h "), "\(failed) \(text)")
            let back = try gateway.nextCloud()
            defer { back.stop() }
            let pass = try gateway.gwe("activate")
            let good = try gateway.gwe("reconcile")
            let again = try gateway.status().document["next_poll"]?.string ?? ""
            #expect(again.contains("h "), "\(pass) \(good) \(again)")
        }
    }

    @Test("another user is told to use sudo, not that no daemon runs; and which file he may not write")
    func otherUser() throws {
        let gateway = try GatewayFixture()
        try gateway.services([.quickService("web", "1")])
        let program = gateway.root + "/gwe"
        try TestProcess.shell("cp \"$1\" \"$2\"", Repository.products + "/gwe", program)
        func asNobody(_ arguments: String...) throws -> Ran {
            try TestProcess(
                "/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "--", program] + arguments,
                environment: gateway.variables, scratch: gateway.root + "/scratch"
            ).wait()
        }
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            let status = try asNobody("status")
            #expect(
                status.err.contains("cannot connect to \(gateway.socketFile): permission denied: use sudo"), "\(status)"
            )
            #expect(!status.err.contains("no daemon is running"), "\(status)")
        }
        let change = try asNobody("config", "set", "log_level", "debug")
        #expect(change.code == 77, "\(change)")
        #expect(change.err.contains(gateway.configFolder + "/gateway.yaml"), "\(change)")
        #expect(!change.err.contains(gateway.stateFolder), "\(change)")
        #expect(change.err.contains("use sudo"), "\(change)")
    }
}
