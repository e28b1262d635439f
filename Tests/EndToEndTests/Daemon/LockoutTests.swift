import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Nobody but gwe's own user reads what only gwe reads: who may read a file may hold a lock on it.
@Suite("who cannot keep gwe from its work") struct LockoutTests {
    private static let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"]

    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    private func privateFiles(_ gateway: GatewayFixture) -> [String] {
        ["lock", "journal.db", "usage.db", "services/web.json"].map { gateway.stateFolder + "/" + $0 }
    }

    @Test("files that only gwe reads are 0600 under any umask", arguments: ["000", "022", "777"])
    func underUmask(mask: String) throws {
        let gateway = try GatewayFixture()
        try gateway.services([.quickService("web", "1")])
        let ran = try TestProcess(
            "/bin/sh", ["-c", "umask \(mask); exec \"$0\" reconcile", Repository.products + "/gwe"],
            environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
        #expect(ran.code == 0, "\(ran)")
        for path in privateFiles(gateway) { #expect(mode(path) == 0o600, "\(path)") }
    }

    @Test("files that an earlier version left open to others are closed by the next pass")
    func mended() throws {
        let gateway = try GatewayFixture()
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        let files = privateFiles(gateway) + [gateway.stateFolder + "/usage.db-journal"]
        for path in files where FileTree.exists(path) { try #require(chmod(path, 0o644) == 0, "\(path)") }
        try #require(chmod(gateway.stateFolder, 0o757) == 0)
        #expect(try gateway.gwe("reconcile").code == 0)
        for path in files where FileTree.exists(path) { #expect(mode(path) == 0o600, "\(path)") }
        #expect(mode(gateway.stateFolder) == 0o755)
    }

    @Test(
        "a user who holds the lock file that was open to him keeps no daemon from starting",
        arguments: [
            "exec 9<\"$1\"; flock 9; echo held; exec sleep 1000",
            "exec python3 -c 'import fcntl,sys,time; f=open(sys.argv[1]); fcntl.flock(f,2); "
                + "print(\"held\",flush=True); time.sleep(1000)' \"$1\"",
        ])
    func stranger(script: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        let lock = gateway.stateFolder + "/lock"
        try #require(chmod(lock, 0o644) == 0)
        let holder = try TestProcess("/usr/bin/setpriv", Self.nobody + ["/bin/sh", "-c", script, "sh", lock])
        defer { holder.kill() }
        try gateway.eventually("nobody holds it") { holder.out == "held\n" }
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            #expect(try StateLock.probe(gateway.stateFolder)?.processIdentifier == daemon.pid)
        }
        #expect(mode(lock) == 0o600)
    }

    @Test("a holder is named only while it lives and holds the lock")
    func named() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        // "gwe reconcile, process N" stands in it; N is gone.
        let lock = gateway.stateFolder + "/lock"
        let script =
            "import fcntl,sys,time; f=open(sys.argv[1]); fcntl.flock(f,2); print('held',flush=True); time.sleep(1000)"
        let holder = try TestProcess("/usr/bin/env", ["python3", "-c", script, lock])
        defer { holder.kill() }
        try gateway.eventually("it is held") { holder.out == "held\n" }
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 75, "\(ran)")
        #expect(ran.out.contains("held by process \(holder.pid) (python3)"), "\(ran)")
        #expect(!(ran.out + ran.err).contains("gwe reconcile"), "\(ran)")
    }

    @Test("who holds the configuration's folder is named, and waited for no longer than five seconds")
    func configurationFolder() throws {
        let gateway = try GatewayFixture()
        let script = "exec 9<\"$1\"; flock 9; echo held; exec sleep 1000"
        let holder = try TestProcess(
            "/usr/bin/setpriv", Self.nobody + ["/bin/sh", "-c", script, "sh", gateway.configFolder])
        defer { holder.kill() }
        try gateway.eventually("nobody holds it") { holder.out == "held\n" }
        let ran = try gateway.gwe("config", "set", "log_level", "debug")
        #expect(ran.code == 75, "\(ran)")
        #expect(ran.err.contains("cannot lock \(gateway.configFolder)"), "\(ran)")
    }

    // MARK: arguments

    @Test(
        "without /proc a command is still what it was called as, and no daemon",
        arguments: [["--version"], ["exit-codes"], ["reconcile", "--dry-run", "--offline"]])
    func withoutProc(arguments: [String]) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        let plain = try gateway.start(arguments).wait()
        let ran = try TestProcess(
            "/usr/bin/unshare",
            ["-m", "/bin/sh", "-c", "umount -l /proc && exec \"$0\" \"$@\"", Repository.products + "/gwe"] + arguments,
            environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
        #expect(ran.code == plain.code, "\(ran)")
        #expect(ran.out == plain.out, "\(ran)")
        #expect(!(ran.out + ran.err).contains("/proc/self/cmdline"), "\(ran)")
        #expect(!FileTree.exists(gateway.stateFolder + "/run/gwe.sock"))
    }

    @Test("a call without any words, not even a name, ends with 71 and starts nothing")
    func withoutWords() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        // Since Linux 5.18 the kernel puts an empty name there.
        let script = """
            import ctypes, os, sys
            libc = ctypes.CDLL(None)
            nothing = (ctypes.c_char_p * 1)(None)
            words = [f"{k}={v}".encode() for k, v in os.environ.items()]
            libc.execve(sys.argv[1].encode(), nothing, (ctypes.c_char_p * (len(words) + 1))(*words, None))
            """
        let gwe = try TestProcess(
            "/usr/bin/env", ["python3", "-c", script, Repository.products + "/gwe"], environment: gateway.variables,
            scratch: gateway.root + "/scratch")
        try gateway.eventually("it has ended, or is up") { !gwe.isRunning || gwe.err.contains("is up") }
        gwe.send(SIGTERM)
        let ran = gwe.wait()
        #expect(ran.code == 71, "\(ran)")
    }
}
