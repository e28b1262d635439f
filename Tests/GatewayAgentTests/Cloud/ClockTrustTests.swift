import Foundation
import GatewaySystem
import Synchronization
import Testing

@testable import GatewayAgent
@testable import GatewayModel

@Suite("Trust in the clock") struct ClockTrustTests {
    /// A wall clock and a time since boot that a test sets.
    private final class Clocks: Sendable {
        let wall = Lock(WallTime(milliseconds: 0))
        let boot = Lock(Duration.seconds(100))
        let isSynchronised = Lock(false)

        func set(_ time: WallTime) { wall.withLock { $0 = time } }
        func pass(_ duration: Duration) {
            wall.withLock { $0 = $0.advanced(by: duration) }
            boot.withLock { $0 += duration }
        }
        var trust: ClockTrust {
            ClockTrust(
                clock: { self.wall.withLock { $0 } }, sinceBoot: { self.boot.withLock { $0 } },
                isSynchronised: { self.isSynchronised.withLock { $0 } })
        }
    }

    private let day: Duration = .seconds(86_400)
    private var built: WallTime { ClockTrust.builtAt }

    @Test("a clock is believed from the release on, not a day before the journal's newest time, and for twenty years")
    func verdicts() {
        let clocks = Clocks()
        let trust = clocks.trust
        let table: [(days: Int, newest: Int?, ClockTrust.Verdict)] = [
            (-20_000, nil, .behind), (-1, nil, .behind), (0, nil, .trusted), (7_299, nil, .trusted),
            (7_300, nil, .ahead), (18_250, nil, .ahead),
            // What the journal knows stays known.
            (99, 100, .trusted), (98, nil, .behind), (101, nil, .trusted), (50, 20, .behind),
            // A journal that was written by a clock far ahead is not believed.
            (120, 20_000, .trusted),
        ]
        for (days, newest, verdict) in table {
            if let newest { trust.learn(built.advanced(by: day * newest)) }
            clocks.set(built.advanced(by: day * days))
            #expect(trust.verdict == verdict, "day \(days), newest \(newest ?? -1)")
            #expect(trust.stamp.isInDoubt == (verdict != .trusted))
        }
        clocks.set(built.advanced(by: day * 50))
        #expect(trust.verdict == .behind)
        clocks.isSynchronised.withLock { $0 = true }
        #expect(trust.verdict == .trusted, "the kernel's word counts against the journal")
        clocks.set(WallTime(milliseconds: 0))
        #expect(trust.doubt == "behind (1970-01-01)", "but not against the release")
    }

    @Test("a synchronised clock is believed against a journal that was ahead, which is corrected, and stays believed")
    func synchronised() throws {
        let scratch = try ScratchGateway()
        let clocks = Clocks()
        // A clock that was a year ahead wrote the journal.
        clocks.set(built.advanced(by: day * 400))
        try LockedState(context: context(scratch, clocks), purpose: "a test").journal
            .markSent([CloudWrite(.engineReport, "{}")])
        clocks.set(built.advanced(by: day * 30))
        let context = context(scratch, clocks)
        let state = try LockedState(context: context, purpose: "a test")
        #expect(context.trust.doubt == "behind (2026-12-01)" && context.clock().isInDoubt)
        let ahead = try #require(try state.journal.trustedTime())

        clocks.isSynchronised.withLock { $0 = true }
        #expect(context.trust.doubt == nil && !context.clock().isInDoubt)
        #expect(try state.journal.trustedTime() == ahead, "looking writes nothing")
        try context.settleTimes(in: state.journal)
        #expect(try state.journal.trustedTime() == built.advanced(by: day * 30))
        // The NTP client has gone, and gwe is started anew.
        clocks.isSynchronised.withLock { $0 = false }
        #expect(context.trust.isTrusted)
        let later = self.context(scratch, clocks)
        try later.settleTimes(in: state.journal)
        #expect(later.trust.isTrusted)
    }

    @Test("the kernel's word alone makes no clock doubtful; by default it is adjtimex's")
    func unsynchronised() throws {
        let scratch = try ScratchGateway()
        let real = GatewayContext(folders: scratch.folders, configuration: GatewayConfiguration(layers: []))
        #expect(real.trust.isTrusted, "whatever adjtimex says here: \(String(describing: ClockState.isSynchronised))")
        let clocks = Clocks()
        clocks.set(built.advanced(by: day))
        for isSynchronised in [false, true] {
            clocks.isSynchronised.withLock { $0 = isSynchronised }
            #expect(clocks.trust.isTrusted && context(scratch, clocks).trust.isTrusted)
        }
        // And the machine's own clock, after a journal from next year.
        real.trust.learn(WallTime.now().advanced(by: day * 365))
        #expect(real.trust.isTrusted == (ClockState.isSynchronised ?? false))
    }

    @Test("a window is not open while the clock is in doubt, and is judged anew once it is trusted")
    func window() throws {
        let scratch = try ScratchGateway()
        let clocks = Clocks()
        clocks.set(WallTime(milliseconds: 5_000))
        let context = context(scratch, clocks)
        func doubt() throws -> String? {
            try Observation(context: context, journal: nil, services: nil).snapshot(DesiredInputs(), journal: nil)
                .observed.clockDoubt
        }
        #expect(try doubt() == "behind (1970-01-01)")
        clocks.set(built.advanced(by: day))
        #expect(try doubt() == nil)
    }

    @Test("the release's date is not before the newest one in the changelog")
    func releaseDate() throws {
        let text = try String(
            contentsOf: ArchitectureTests.root.appendingPathComponent("CHANGELOG.md"), encoding: .utf8)
        let dates = text.matches(of: /(?m)^## \[[^\]]+\] - (\d{4}-\d{2}-\d{2})/).map { String($0.1) }
        #expect(dates.allSatisfy { $0 <= ClockTrust.builtAt.description }, "set ClockTrust.builtAt at a release")
        #expect(ClockTrust.builtAt <= WallTime.now())
    }

    @Test("a moment in doubt is told as time since boot, and is later than any other")
    func doubt() {
        let time = WallTime.inDoubt(sinceBoot: .seconds(3_723))
        #expect(time.isInDoubt && "\(time)" == "boot+1:02:03" && time > built.advanced(by: day * 100_000))
    }

    @Test(
        "what the journal records while the clock is in doubt is stamped when it is trusted, in the same boot exactly")
    func stamps() throws {
        let scratch = try ScratchGateway()
        let clocks = Clocks()
        let context = context(scratch, clocks)
        clocks.set(WallTime(milliseconds: 5_000))
        let state = try LockedState(context: context, purpose: "a test")
        try state.journal.markSent([CloudWrite(.engineReport, "{}")])
        let first = try #require(try state.journal.sentReports()[.engineReport]?.at)
        #expect(first == .inDoubt(sinceBoot: .seconds(100)))
        clocks.pass(.seconds(600))
        _ = try state.journal.reportProblem(source: "x", digest: "y", message: "z")
        try context.settleTimes(in: state.journal)
        #expect(try state.journal.sentReports()[.engineReport]?.at == first, "still in doubt")

        let noon = built.advanced(by: day * 30)
        clocks.set(noon)
        try context.settleTimes(in: state.journal)
        #expect(try state.journal.sentReports()[.engineReport]?.at == noon.advanced(by: .seconds(-600)))
        #expect(try state.journal.read("SELECT since FROM problem").first?[0].int == noon.milliseconds)
        #expect(try state.journal.value(Journal.doubtBootKey) == nil)
        #expect(try state.journal.trustedTime() == noon)
    }

    @Test("of a boot before, what is in doubt gets the last trusted time, and a failed release keeps its delay")
    func olderBoot() throws {
        let scratch = try ScratchGateway()
        let clocks = Clocks()
        let context = context(scratch, clocks)
        let noon = built.advanced(by: day * 30)
        clocks.set(noon)
        let state = try LockedState(context: context, purpose: "a test")
        try state.journal.markSent([CloudWrite(.deviceInfo, "{}")])
        clocks.set(WallTime(milliseconds: 5_000))
        try state.journal.markSent([CloudWrite(.engineReport, "{}")])
        let doubt = WallTime.inDoubt(sinceBoot: .seconds(100)).milliseconds
        try state.journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute(
                "INSERT INTO attempt VALUES ('tool', 'w', 3, 3, ?, ?, '')", [.integer(doubt), .integer(doubt + 5_000)])
            try c.setValue(Journal.doubtBootKey, "another boot")
        }
        try context.settleTimes(in: state.journal)
        #expect(try state.journal.sentReports()[.engineReport]?.at == noon)
        #expect(try state.journal.sentReports()[.deviceInfo]?.at == noon)
        let row = try #require(try state.journal.read("SELECT last_at, next_at FROM attempt").first)
        #expect(row[0].int == noon.milliseconds && row[1].int == noon.milliseconds + 5_000)
    }

    @Test("the trusted time is noted with changes, once an hour at most, and never by looking")
    func noted() throws {
        let scratch = try ScratchGateway()
        let clocks = Clocks()
        clocks.set(built.advanced(by: day))
        let state = try LockedState(context: context(scratch, clocks), purpose: "a test")
        #expect(try state.journal.trustedTime() == nil)
        _ = try state.journal.clearProblem(source: "nothing")
        #expect(try state.journal.trustedTime() == nil, "that changed nothing")
        var noted: [WallTime] = []
        for _ in 0..<6 {
            _ = try state.journal.reportProblem(source: "x", digest: "\(noted.count)", message: "z")
            try noted.append(#require(try state.journal.trustedTime()))
            clocks.pass(.seconds(1_200))
        }
        #expect(Set(noted).count == 2, "\(noted)")
    }

    @Test("a clock that jumps back by years after it was trusted does not stop reports, nor repeat them")
    func jumpBack() throws {
        let gateway = try ReportsTests.Gateway()
        let clocks = Clocks()
        clocks.set(built.advanced(by: day * 30))
        let context = GatewayContext(
            folders: gateway.scratch.folders, configuration: GatewayConfiguration(layers: []),
            clock: { clocks.wall.withLock { $0 } }, sinceBoot: { clocks.boot.withLock { $0 } })
        let journal = try Journal.open(folders: gateway.scratch.folders, clock: context.clock)
        var counts: [Int] = []
        func pass(after pause: Duration) throws {
            clocks.pass(pause)
            let before = gateway.cloud.written("engine_report").count
            _ = try Reconciler(context: context, journal: journal, services: nil, cloud: gateway.cloud) { _ in }
                .run(PassOptions())
            counts.append(gateway.cloud.written("engine_report").count - before)
        }
        try pass(after: .zero)
        try pass(after: .seconds(60))
        clocks.set(WallTime(milliseconds: 0))
        try pass(after: .seconds(60))
        try pass(after: .seconds(60))
        try pass(after: day)
        clocks.set(built.advanced(by: day * 31))
        try pass(after: .seconds(60))
        try pass(after: day)
        #expect(counts == [1, 0, 1, 0, 1, 0, 1], "\(counts)")
    }

    private func context(_ scratch: ScratchGateway, _ clocks: Clocks) -> GatewayContext {
        GatewayContext(
            folders: scratch.folders, configuration: GatewayConfiguration(layers: []),
            clock: { clocks.wall.withLock { $0 } }, sinceBoot: { clocks.boot.withLock { $0 } },
            isClockSynchronised: { clocks.isSynchronised.withLock { $0 } })
    }
}
