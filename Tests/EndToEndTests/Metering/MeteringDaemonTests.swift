import DeviceClient
import Foundation
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// The daemon's socket for counts, as other processes of the gateway find it.
@Suite("Metering by a daemon", .serialized) struct MeteringDaemonTests {
    let gateway: GatewayFixture
    /// A copy that every user may run.
    private let gdc: String

    init() throws {
        gateway = try GatewayFixture()
        gdc = gateway.root + "/bin/gdc"
        try FileManager.default.createDirectory(atPath: gateway.root + "/bin", withIntermediateDirectories: true)
        let copy = try TestProcess(
            "/bin/cp", [Repository.products + "/gwe", gdc], environment: [:], scratch: gateway.root + "/scratch")
        try #require(copy.wait().code == 0)
    }

    /// Requests of an identity.
    private func counted(_ identity: String) throws -> Int64 {
        let days = try UsageStore.openReadOnly(stateFolder: gateway.stateFolder)?.days() ?? []
        return days.filter { $0.identity == identity }.reduce(0) { $0 + $1.count }
    }

    private func stop(_ daemon: TestProcess) {
        daemon.send(SIGTERM)
        _ = daemon.wait()
    }

    /// `gdc` as a user who may write nothing of the gateway's.
    private func asNobody(_ identity: String) throws -> Ran {
        try TestProcess(
            "/usr/bin/setpriv",
            ["--reuid", "65534", "--regid", "65534", "--clear-groups", gdc, "-H", gateway.sandbox.url]
                + ["-u", identity, "http", "timestamp"],
            environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
    }

    @Test("a daemon that execs in place again and again loses no count, and takes none twice")
    func exec() throws {
        let daemon = try gateway.startDaemon()
        defer { stop(daemon) }
        let meter = UsageMeter(stateFolder: gateway.stateFolder)
        var sent: Int64 = 0
        func timesUp() -> Int { daemon.err.components(separatedBy: "is up, socket").count - 1 }
        for round in 1...5 {
            daemon.send(SIGUSR1)
            let isUp = eventually {
                meter.count(
                    UsageRecord(interface: "ppp7", identity: "app", method: .record, resources: ["a"], sentByteCount: 1)
                )
                sent += 1
                return timesUp() > round
            }
            #expect(isUp, "\(daemon.err)")
        }
        meter.flush()
        #expect(sent > 20)
        try gateway.eventually("all \(sent) are counted") { try counted("app") == sent }
        print("metering: \(sent) counts through 5 replacements by exec, \(try counted("app")) kept")
    }

    @Test("another user's calls are counted by the daemon's socket, also while it execs; nothing else is open to him")
    func unprivileged() throws {
        let daemon = try gateway.startDaemon()
        defer { stop(daemon) }
        for _ in 0..<3 {
            let ran = try asNobody("somebody")
            #expect(ran.code == 0, "\(ran)")
        }
        try gateway.eventually("three are counted") { try counted("somebody") == 3 }
        for _ in 0..<3 {
            daemon.send(SIGUSR1)
            for _ in 0..<5 { #expect(try asNobody("somebody else").code == 0) }
        }
        try gateway.eventually("fifteen are counted") { try counted("somebody else") == 15 }
        func mode(_ name: String) -> mode_t {
            var facts = stat()
            return lstat(gateway.stateFolder + name, &facts) == 0 ? facts.st_mode & 0o777 : 0
        }
        #expect(mode("") & 0o022 == 0 && mode("/run") & 0o023 == 0o001)
        #expect(mode("/run/usage.sock") == 0o666 && mode("/run/gwe.sock") == 0o660)
        #expect(mode("/usage.db") & 0o022 == 0 && mode("/token") & 0o077 == 0)
    }

    @Test("gwe doctor's requests are counted by the daemon, and without one by nobody: it writes nothing")
    func doctor() throws {
        try #require(try gateway.gwe("reconcile").code == 0)
        let before = try counted(gateway.id)
        _ = try gateway.gwe("doctor")
        #expect(try counted(gateway.id) == before)
        let daemon = try gateway.startDaemon()
        defer { stop(daemon) }
        _ = try gateway.gwe("doctor")
        // Whatever else the daemon asks: every request of this gateway has been counted, the doctor's first two alone not.
        let log = try gateway.sandbox.requestLog()
        #expect(log.filter { $0.path.hasPrefix("/timestamp") }.count == 2)
        try gateway.eventually("all are counted but the first doctor's") {
            try counted(gateway.id) == Int64(gateway.sandbox.requestLog().count) - 2
        }
    }
}
