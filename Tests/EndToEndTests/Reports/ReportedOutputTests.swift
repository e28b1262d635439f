import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Standard streams, colours and exit codes that scripts stumbled over in other programs, by their public reports. The
/// log of all of them is docs/field-reports.md.
@Suite("Reports of other programs: what scripts read") struct ReportedOutputTests {
    private func gateway(_ conf: String = "startsecs=0\n", program: String = "exec sleep 1000") throws -> GatewayFixture
    {
        let gateway = try GatewayFixture(hasCloud: false)
        let text = "[supervisord]\ncommand=bin/run\nautorestart=false\n" + conf
        try gateway.services([
            TestPackage.service("web", "1", extra: ["supervisor.conf": .init(text), "bin/run": .script(program)])
        ])
        return gateway
    }

    /// Runs a line of sh(1) with `gwe` in its PATH.
    private func shell(_ gateway: GatewayFixture, _ line: String) throws -> Ran {
        let path = Repository.products + ":" + (gateway.variables["PATH"] ?? "")
        return try TestProcess(
            "/bin/sh", ["-c", line], environment: gateway.variables.merging(["PATH": path]) { $1 },
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    @Test(
        "temporalio/cli#544, notatallshaw/nab#990: a closed standard stream ends no command",
        arguments: ["gwe status >&-", "gwe status --json 2>&-", "gwe status <&-", "gwe --version >&- 2>&- <&-"])
    func closedStream(_ command: String) throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            let ran = try shell(gateway, "\(command); echo code $? >\(gateway.root)/code")
            #expect(ran.err == "", "\(ran)")
            #expect(gateway.read(gateway.root + "/code") == "code 0\n", "\(ran)")
        }
    }

    @Test("bmc/daemonize#34, juce/sockproc#13, livegrep/livegrep#129: without 0, 1 and 2 no file gets their numbers")
    func noStreams() throws {
        let gateway = try gateway()
        let pass = try shell(gateway, "exec gwe reconcile --offline <&- >&- 2>&-")
        #expect(pass.code == 0, "\(pass)")
        #expect(gateway.current("web") != nil)
        let daemon = try TestProcess(
            "/bin/sh", ["-c", "exec \(Repository.products)/gwe run <&- >&- 2>&-"], environment: gateway.variables,
            scratch: gateway.root + "/scratch")
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        try gateway.eventually("web runs") { try gateway.status().code == 0 }
        for stream in 0...2 {
            #expect(FileTree.linkTarget("/proc/\(daemon.pid)/fd/\(stream)") == "/dev/null", "\(stream)")
        }
    }

    @Test(
        "herdrdev/herdr#2994, osodevops/ms-teams-cli#59, terminusdb/terminusdb#1148: a reader that leaves is no error")
    func head() throws {
        let gateway = try gateway()
        let ran = try shell(gateway, "gwe completion bash | head -c 1 >/dev/null")
        #expect(ran.code == 0 && ran.err == "", "\(ran)")
    }

    @Test("volkszaehler/mbmd#102, NixOS/nix#1366, xemle/home-gallery#80: without HOME and PATH all works")
    func noHome() throws {
        let gateway = try gateway()
        var variables = gateway.variables
        for name in ["HOME", "PATH", "TZ", "LC_ALL"] { variables[name] = nil }
        let ran = try TestProcess(
            "gwe", ["reconcile", "--offline"], environment: variables, scratch: gateway.root + "/scratch"
        ).wait()
        #expect(ran.code == 0, "\(ran)")
        #expect(gateway.current("web") != nil)
    }

    @Test(
        "paiml/aprender#662, NVIDIA/OpenShell#3025, vercel-labs/skills#2126, kirodotdev/Kiro#7933: no escape sequence where none is wanted",
        arguments: [["NO_COLOR": "1", "TERM": "xterm"], ["TERM": "dumb"]])
    func noColour(_ more: [String: String]) throws {
        let gateway = try gateway()
        let onTerminal = try TerminalOutput.run(
            gateway, "\(Repository.products)/gwe reconcile --dry-run --offline", more)
        #expect(onTerminal.out.contains("web") && !onTerminal.out.contains("\u{1B}"), "\(onTerminal)")
        let forced = ["CLICOLOR_FORCE": "1", "TERM": "xterm"]
        let piped = try gateway.gwe("reconcile", "--dry-run", "--offline", environment: forced)
        #expect(piped.out.contains("web") && !piped.out.contains("\u{1B}"), "\(piped)")
    }

    @Test(
        "Supervisor/supervisor#24, Supervisor/supervisor#1274: a wanted app that does not run makes the status end with 3"
    )
    func notRunning() throws {
        let gateway = try gateway("startsecs=1\nstartretries=0\n", program: "exit 1")
        try gateway.withDaemon { _ in
            try gateway.eventually("it fails") { try gateway.row("web")["state"]?.string == "FATAL" }
            #expect(try gateway.status().code == 3)
        }
    }

    @Test("Supervisor/supervisor#1223, cesium-ml/baselayer#90: what an operator stopped is as it is wanted")
    func stopped() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            #expect(try gateway.gwe("stop", "web").code == 0)
            #expect(try gateway.row("web")["state"]?.string == "STOPPED")
            #expect(try gateway.status().code == 0)
        }
    }

    @Test("Supervisor/supervisor#1488: a program that is still starting does not count as running")
    func starting() throws {
        let gateway = try gateway("startsecs=600\n")
        try gateway.withDaemon { _ in
            try gateway.eventually("it starts") { try gateway.row("web")["state"]?.string == "STARTING" }
            #expect(try gateway.status().code == 1)
        }
    }
}
