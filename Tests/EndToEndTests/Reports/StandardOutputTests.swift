import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// Standard output that takes nothing: uutils/coreutils#10559, notatallshaw/nab#990.
@Suite("Reports of other programs: standard output that cannot be written") struct StandardOutputTests {
    private func shell(_ gateway: GatewayFixture, _ line: String) throws -> Ran {
        try TestProcess(
            "/bin/sh", ["-c", line, "\(Repository.products)/gwe"], environment: gateway.variables,
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    private func gateway() throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.write("a line\n", to: gateway.logFolder + "/web.log")
        return gateway
    }

    @Test("a full disk behind standard output is one line on standard error, and 74")
    func full() throws {
        let gateway = try gateway()
        let manifest = gateway.configFolder + "/manifest.yaml"
        let commands = [
            "status", "status --json", "status web", "history", "exit-codes", "config show",
            "validate --json \(manifest)",
            "--version", "--help", "logs web", "reconcile --json", "gdc --version",
        ]
        for command in commands {
            let ran = try shell(gateway, "exec \"$0\" \(command) >/dev/full")
            #expect(ran.code == 74, "\(command): \(ran)")
            let name = command.hasPrefix("gdc") ? "gdc" : "gwe"
            let line = "\(name): cannot write standard output: no space left on device (28)"
            #expect(ran.err.split(separator: "\n").filter { $0 == line }.count == 1, "\(command): \(ran)")
        }
    }

    @Test("what failed in itself keeps its code")
    func otherCode() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write("apps: [\n", to: gateway.root + "/wrong.yaml")
        let ran = try shell(gateway, "exec \"$0\" validate --json \(gateway.root)/wrong.yaml >/dev/full")
        #expect(ran.code == 65, "\(ran)")
    }

    @Test("a reader that went away is no error, and nothing is said of it")
    func goneReader() throws {
        let gateway = try gateway()
        let ran = try shell(
            gateway, "{ \"$0\" exit-codes; echo $? >\(gateway.root)/code; } | true; cat \(gateway.root)/code")
        #expect(ran.out == "0\n" && ran.err == "", "\(ran)")
    }

    @Test("a pipe that somebody made non-blocking loses nothing")
    func nonBlocking() throws {
        let gateway = try gateway()
        // More than a pipe of 4 KiB holds; the reader begins when it is full.
        let script = """
            import fcntl, os, select, subprocess, sys
            r, w = os.pipe()
            fcntl.fcntl(w, 1031, 4096)
            os.set_blocking(w, False)
            p = subprocess.Popen(sys.argv[1:], stdout=w)
            while select.select([], [w], [], 0)[1]: select.select([r], [], [], 60)
            os.close(w)
            n = 0
            while b := os.read(r, 65536): n += len(b)
            print(n, p.wait())
            """
        let log = String(repeating: "0123456789\n", count: 10_000)
        try gateway.write(log, to: gateway.logFolder + "/web.log")
        let ran = try TestProcess(
            "python3", ["-c", script, "\(Repository.products)/gwe", "logs", "web", "-n", "all"],
            environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
        #expect(ran.out == "\(log.utf8.count) 0\n", "\(ran)")
    }
}
