import Documents
import Foundation
import GatewayModel
import GatewaySystem
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayAgent
@testable import gwe

/// What `gwe status` says of the cloud and the clock, to the letter: from the schedule in the journal to the text.
@Suite("The text of gwe status") final class StatusTextTests {
    private let scratch = TemporaryFolder()
    private var root: String { scratch.path }
    private final class Time: Sendable {
        let wall = Lock(ClockTrust.builtAt.advanced(by: .seconds(21 * 86_400)))
        let boot = Lock(Duration.seconds(3_723))
    }
    private let time = Time()

    private func context() throws -> GatewayContext {
        let folders = Folders(configFolder: root + "/etc", stateFolder: root + "/state", logFolder: root + "/log")
        try FileManager.default.createDirectory(atPath: root + "/etc", withIntermediateDirectories: true)
        try Data("product: p\nidentity: \"02:42:AC:11:00:02\"\n".utf8)
            .write(to: URL(fileURLWithPath: root + "/etc/gateway.yaml"))
        return GatewayContext(
            folders: folders, configuration: try ConfigurationStore(folders: folders).load(),
            clock: { [time] in time.wall.withLock { $0 } }, sinceBoot: { [time] in time.boot.withLock { $0 } },
            isClockSynchronised: { false })
    }

    /// - Parameter poll: when the daemon polls next; nil: there is no daemon.
    private func text(_ context: GatewayContext, poll: Duration? = nil) -> [String] {
        var daemon: StatusReport.DaemonFacts?
        if let poll {
            daemon = StatusReport.DaemonFacts(services: [:])
            daemon?.nextPoll = poll
        }
        // How much is free is this machine's affair.
        guard case .gateway(var status) = StatusReport.make(context, daemon: daemon).document else { return [] }
        status.freeByteCount = nil
        return StatusText(status: status, terminal: Terminal(descriptor: -1)).lines
    }

    private func fail(
        _ context: GatewayContext, _ kind: CloudTrouble.Kind, _ reason: String, times: Int = 1,
        retryAfter: Duration? = nil
    ) throws {
        let state = try LockedState(context: context, purpose: "a test")
        let timing = CloudTiming(context: context, journal: state.journal)
        let failure = CloudFailure(description: reason, retryAfter: retryAfter, trouble: kind)
        for _ in 0..<times { _ = timing.ended(.failed(failure), byteCount: 0, interval: .seconds(14_400)) }
    }

    private let head = "0 apps, 0 in sync, 0 drifted, 0 failed"

    @Test("all is well: one line, with a daemon and without one, and before the clock is trusted")
    func well() throws {
        let context = try context()
        #expect(text(context) == [head + ", nothing is supervised, clock trusted"])
        #expect(text(context, poll: .seconds(14_340)) == [head + ", next poll in 3h 59m, clock trusted"])
        time.wall.withLock { $0 = WallTime(milliseconds: 5_000) }
        #expect(
            text(context, poll: .seconds(59))
                == [head + ", next poll in 59s, clock not trusted: it is behind (1970-01-01)"])
        time.wall.withLock { $0 = ClockTrust.builtAt.advanced(by: .seconds(21 * 366 * 86_400)) }
        #expect(text(context) == [head + ", nothing is supervised, clock not trusted: it is ahead (2047-11-17)"])
    }

    @Test("a name that is not found: the daemon says when it tries again; without one it is the next pass's affair")
    func dns() throws {
        let context = try context()
        try fail(context, .dns, "cannot read engine_fetch: cannot resolve p.m2.exosite.io", times: 3)
        let reason = "  cannot read engine_fetch: cannot resolve p.m2.exosite.io"
        #expect(
            text(context, poll: .seconds(724)) == [
                head + ", next poll in 12m 4s, clock trusted", "cloud: the cloud's name is not found (DNS)",
                "  since 2026-11-22T00:00:00Z, 3 tries, next try in 12m 4s", reason,
                "  to do: 'gwe doctor' looks for the cause",
            ])
        #expect(
            text(context) == [
                head + ", nothing is supervised, clock trusted", "cloud: the cloud's name is not found (DNS)",
                "  since 2026-11-22T00:00:00Z, 3 tries, next try with the next pass (gwe reconcile)", reason,
                "  to do: 'gwe doctor' looks for the cause",
            ])
    }

    @Test("a device that the cloud does not want is left alone, and the text says until when and what to do")
    func unknownDevice() throws {
        let context = try context()
        try fail(context, .unknownDevice, "cannot activate device 02:42:AC:11:00:02: no such device (404)")
        time.boot.withLock { $0 += .seconds(60) }
        let lines = text(context)
        #expect(lines[1] == "cloud: the cloud's product has no such device as this gateway")
        let times = lines[2]
        #expect(
            times.hasPrefix("  since 2026-11-22T00:00:00Z, 1 try, not tried again before its time, in ")
                && times.hasSuffix("m"), "\(times)")
        #expect(
            lines.dropFirst(3) == [
                "  cannot activate device 02:42:AC:11:00:02: no such device (404)",
                "  to do: add or enable this gateway in the cloud, then 'gwe activate'",
            ])
        #expect(text(context, poll: .seconds(3_599))[2].hasSuffix("1 try, next try in 59m 59s"))
    }

    @Test("a clock without a battery: it is named as the cause, the time is one since boot, and the clock is to be set")
    func clock() throws {
        let context = try context()
        time.wall.withLock { $0 = WallTime(milliseconds: 5_000) }
        try fail(context, .clock, "cannot read engine_fetch: the certificate is not valid yet", times: 2)
        #expect(
            text(context, poll: .seconds(9)) == [
                head + ", next poll in 9s, clock not trusted: it is behind (1970-01-01)",
                "cloud: this machine's clock is behind (1970-01-01): TLS certificates cannot be checked",
                "  since 1:02:03 after boot, 2 tries, next try in 9s",
                "  cannot read engine_fetch: the certificate is not valid yet",
                "  to do: set the clock (NTP, or date -s); the cloud is asked again as soon as it is set",
            ])
        // With a clock that can be right, the certificate is to be looked at.
        time.wall.withLock { $0 = ClockTrust.builtAt.advanced(by: .seconds(86_400)) }
        let lines = text(context, poll: .seconds(9))
        #expect(lines[1].hasPrefix("cloud: the cloud's TLS certificate is not valid yet"))
        #expect(lines.last == "  to do: 'gwe doctor' looks at the clock and at the certificates")
    }

    @Test("a cloud that is busy needs nobody, a portal needs a login, a full disk needs space")
    func others() throws {
        let context = try context()
        try fail(context, .busy, "cannot read: the server answered 429", retryAfter: .seconds(7_200))
        #expect(
            text(context, poll: .seconds(7_200)) == [
                head + ", next poll in 2h 0m, clock trusted",
                "cloud: the cloud is busy and asks to be left alone for a while",
                "  since 2026-11-22T00:00:00Z, 1 try, next try in 2h 0m", "  cannot read: the server answered 429",
            ])
        try fail(context, .captivePortal, "cannot read: an HTML page came instead of the answer")
        #expect(text(context).last == "  to do: log in to that network, or use another")
        try fail(context, .noSpace, "cannot keep the token: no space left on device")
        #expect(text(context).last == "  to do: free space on the disk")
    }
}
