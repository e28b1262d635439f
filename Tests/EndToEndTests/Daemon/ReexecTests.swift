import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// `gwe run` replaced by a new program on disk: exec in place.
@Suite("A new program takes over") struct ReexecTests {
    /// A copy of `gwe` that a test may replace, and a daemon that runs it.
    private func startCopy(_ gateway: GatewayFixture) throws -> (daemon: TestProcess, path: String) {
        let path = gateway.root + "/bin/gwe"
        try FileManager.default.createDirectory(atPath: gateway.root + "/bin", withIntermediateDirectories: true)
        try put(gateway, at: path)
        let daemon = try TestProcess(
            path, ["run"], environment: gateway.variables, scratch: gateway.root + "/scratch")
        try gateway.eventually("it is up") { daemon.err.contains("is up, socket") }
        return (daemon, path)
    }

    /// Puts a new file there, as an upgrade does. Another process writes it: a child that some other test starts at the same
    /// time would hold a descriptor of ours open, and a file that is open for writing cannot be executed.
    private func put(_ gateway: GatewayFixture, at path: String) throws {
        let source = Repository.products + "/gwe"
        let copy = try TestProcess(
            "/bin/cp", [source, path + ".new"], environment: [:], scratch: gateway.root + "/scratch")
        try #require(copy.wait().code == 0)
        try #require(rename(path + ".new", path) == 0)
    }

    private func inode(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    private func timesUp(_ daemon: TestProcess) -> Int {
        daemon.err.components(separatedBy: "is up, socket").count - 1
    }

    @Test("ten apps write on through ten replacements: same pids, no restart, no line lost, and exit codes are known")
    func ten() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let names = (0..<10).map { "app\($0)" }
        let body = """
            n=0
            while [ ! -e "$GWE_DATA_DIR/end" ]; do n=$((n+1)); echo "line $n"; sleep 0.01; done
            echo "$n" >"$GWE_DATA_DIR/count"
            exit 7
            """
        try gateway.services(names.map { .quickService($0, "1", extra: ["bin/run": .script(body)]) })
        let (daemon, path) = try startCopy(gateway)
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        try gateway.eventually("all run") { try gateway.status().document["summary"]?["synced"]?.int == 10 }
        let pids = try names.map { try gateway.pid(of: $0) }
        #expect(pids.allSatisfy { $0 != nil })
        let descriptors = gateway.names("/proc/\(daemon.pid)/fd").count
        for round in 1...10 {
            try put(gateway, at: path)
            daemon.send(SIGUSR1)
            try gateway.eventually("replacement \(round) is up") { timesUp(daemon) == round + 1 }
            // A client that comes in between waits for the new program; it never hears of a daemon that is not there.
            let status = try gateway.gwe("status")
            #expect(status.code == 0 && !status.err.contains("nothing is supervised"), "\(status)")
            #expect(inode("/proc/\(daemon.pid)/exe") == inode(path), "the new file runs")
        }
        #expect(try names.map { try gateway.pid(of: $0) } == pids)
        for name in names { #expect(try gateway.row(name)["restarts"]?.int == 0) }
        try gateway.eventually("no descriptor was left open") {
            gateway.names("/proc/\(daemon.pid)/fd").count <= descriptors
        }
        let environment = gateway.read("/proc/\(daemon.pid)/environ") ?? ""
        #expect(environment.contains("GWE_STATE_LOCK="), "the lock was handed on")
        for name in names { try gateway.write("", to: gateway.stateFolder + "/data/\(name)/end") }
        for name in names {
            try gateway.eventually("the end of \(name) is known") { try gateway.row(name)["exit_status"]?.int == 7 }
            let count = try #require(
                gateway.read(gateway.stateFolder + "/data/\(name)/count").flatMap {
                    Int($0.dropLast())
                })
            let expected = (1...count).map { "line \($0)\n" }.joined()
            #expect(gateway.read(gateway.logFolder + "/\(name).log") == expected, "\(name): \(count) lines")
        }
    }

    @Test("a program that is cut short, or says no version, does not take over; the old one goes on and says why")
    func refused() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let (daemon, path) = try startCopy(gateway)
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
        let pid = try gateway.pid(of: "web")
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for (content, mode, words) in [
            (whole.prefix(60_000), "755", "not replaced: "),
            (Data("#!/bin/sh\necho hello\n".utf8), "755", "--version did not print a version"),
            (Data("#!/bin/sh\necho broken >&2; exit 3\n".utf8), "755", "--version ended with exit code 3: broken"),
            (whole, "644", "permission denied"),
        ] {
            try content.write(to: URL(fileURLWithPath: gateway.root + "/content"))
            let install = try TestProcess(
                "/usr/bin/install", ["-m", mode, gateway.root + "/content", path + ".new"], environment: [:],
                scratch: gateway.root + "/scratch")
            try #require(install.wait().code == 0)
            try #require(rename(path + ".new", path) == 0)
            let before = daemon.err.utf8.count
            daemon.send(SIGUSR1)
            try gateway.eventually("it says \(words)") {
                String(decoding: daemon.err.utf8.dropFirst(before), as: UTF8.self).contains(words)
            }
            #expect(try gateway.pid(of: "web") == pid)
        }
        // Nothing at all is there.
        try #require(unlink(path) == 0)
        daemon.send(SIGUSR1)
        try gateway.eventually("it says that nothing is there") { daemon.err.contains("no such file") }
        #expect(timesUp(daemon) == 1)
        // And the next good one is taken.
        try put(gateway, at: path)
        daemon.send(SIGUSR1)
        try gateway.eventually("it is replaced") { timesUp(daemon) == 2 }
        #expect(try gateway.pid(of: "web") == pid)
    }

    @Test("signals that come while the program changes are not lost, and the lock is never free")
    func signals() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let (daemon, _) = try startCopy(gateway)
        defer { gateway.killApps() }
        try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
        daemon.send(SIGUSR1)
        // Every 2 ms, as long as the change takes, the lock has its holder.
        var looks = 0
        _ = eventually {
            let holder = try? FileLock.probe(gateway.stateFolder + "/lock")
            #expect(holder?.processIdentifier == daemon.pid)
            looks += 1
            return timesUp(daemon) == 2
        }
        #expect(looks > 1)
        // Three more at once, and a SIGTERM that meets whichever program is there.
        for _ in 0..<3 { daemon.send(SIGUSR1) }
        daemon.send(SIGTERM)
        let ran = daemon.wait()
        #expect(ran.code == 0, "\(ran)")
        #expect(gateway.names(gateway.stateFolder + "/run").isEmpty)
    }

    @Test("the service manager hears of the change, and the watchdog is fed by the new program")
    func notifies() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let manager = try NotifySocket(gateway.root + "/notify")
        gateway.environment["NOTIFY_SOCKET"] = manager.name
        gateway.environment["WATCHDOG_USEC"] = "200000"
        let (daemon, path) = try startCopy(gateway)
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
        }
        try gateway.eventually("it is ready") { manager.assignments.contains("READY=1") }
        manager.forget()
        try put(gateway, at: path)
        daemon.send(SIGUSR1)
        try gateway.eventually("it is ready again") { manager.assignments.contains("READY=1") }
        #expect(manager.assignments.contains("RELOADING=1"))
        manager.forget()
        try gateway.eventually("it is fed") { manager.receive().contains("WATCHDOG=1") }
    }
}
