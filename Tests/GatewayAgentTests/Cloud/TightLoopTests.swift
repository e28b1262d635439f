import Foundation
import GatewaySystem
import Synchronization
import Testing

@testable import GatewayAgent
@testable import GatewayModel

/// Whatever a cloud, a disk or a network does: nothing is done again and again without a pause.
@Suite("Loops without a pause") struct TightLoopTests {
    private func context(_ scratch: ScratchGateway, product: Bool, _ now: @escaping @Sendable () -> Duration) throws
        -> GatewayContext
    {
        try scratch.write(
            (product ? "product: sandbox000000000\n" : "") + "identity: 02:42:AC:11:00:02\n",
            to: scratch.folders.configFolder + "/gateway.yaml")
        return GatewayContext(folders: scratch.folders, configuration: try scratch.load(), sinceBoot: now)
    }

    @Test("a journal that fails after the cloud was asked counts as a failed talk, and passes become rarer")
    func fullDisk() throws {
        let scratch = try ScratchGateway()
        let now = Lock(Duration.seconds(1_000))
        let context = try context(scratch, product: true) { now.withLock { $0 } }
        let state = try LockedState(context: context, purpose: "a test")
        let timing = CloudTiming(context: context, journal: state.journal)
        func pass(_ result: PassResult) -> Duration {
            let pause = timing.ended(result.talk, byteCount: 900, interval: .seconds(14_400))
            now.withLock { $0 += pause }
            return pause
        }
        var outage = PassResult(exit: .unavailable, summary: "")
        outage.talk = .failed(CloudFailure(description: "no route", trouble: .noConnection))
        #expect(pass(outage) >= .seconds(5))
        var error = JournalError("cannot write journal.db: the disk is full")
        for isNoSpace in [false, true] {
            error.isNoSpace = isNoSpace
            let pauses = (0..<20).map { _ in pass(PassResult(error, mayHaveAskedCloud: true)) }
            #expect(pauses.allSatisfy { $0 >= .seconds(5) } && pauses.contains { $0 > .seconds(60) }, "\(pauses)")
            #expect(timing.trouble?.kind == (isNoSpace ? .noSpace : .storage))
        }
        #expect(timing.trouble?.kind.isRefusal == false)
        // And where it was not asked, the time that has gone by is no reason for one pass after another.
        now.withLock { $0 += .seconds(7_200) }
        #expect(pass(PassResult(error, mayHaveAskedCloud: false)) >= .seconds(5))
    }

    @Test("a gateway whose product was taken away has no trouble with a cloud, and passes at its interval")
    func productGone() throws {
        let scratch = try ScratchGateway()
        let now = Lock(Duration.seconds(1_000))
        var context = try context(scratch, product: true) { now.withLock { $0 } }
        let state = try LockedState(context: context, purpose: "a test")
        let timing = CloudTiming(context: context, journal: state.journal)
        let failure = CloudFailure(description: "no route", trouble: .noConnection)
        _ = timing.ended(.failed(failure), byteCount: 0, interval: .seconds(14_400))
        #expect(CloudTiming.stored(context, state.journal).schedule.trouble != nil)
        context = try self.context(scratch, product: false) { now.withLock { $0 } }
        now.withLock { $0 += .seconds(50_000) }
        let later = CloudTiming(context: context, journal: state.journal)
        #expect(later.started() == .zero && later.trouble == nil)
        #expect(later.ended(.notAsked, byteCount: 0, interval: .seconds(14_400)) >= .seconds(14_400))
    }

    @Test("a sign from outside is answered from memory: the journal is not written on the event loop")
    func signs() throws {
        let scratch = try ScratchGateway()
        let now = Lock(Duration.seconds(1_000))
        let context = try context(scratch, product: true) { now.withLock { $0 } }
        let state = try LockedState(context: context, purpose: "a test")
        let timing = CloudTiming(context: context, journal: state.journal)
        let failure = CloudFailure(description: "no route", trouble: .noConnection)
        var pause: Duration = .zero
        while pause < .seconds(60) { pause = timing.ended(.failed(failure), byteCount: 0, interval: .seconds(14_400)) }
        let before = try state.journal.value(CloudTiming.key)
        #expect(try #require(timing.networkChanged()) <= .seconds(6))
        #expect(try state.journal.value(CloudTiming.key) == before)
        _ = timing.ended(.failed(failure), byteCount: 0, interval: .seconds(14_400))
        #expect(try state.journal.value(CloudTiming.key) != before)
    }

    @Test("a poll that is answered at once with nothing new is a failure; what is new, or was held, is not")
    func polls() {
        let quick: Duration = .milliseconds(20)
        var pace = LongPollPace()
        func held(_ text: String?, _ time: String?, isLook: Bool = false, after: Duration) -> Bool {
            pace.isHeld(text, time, isLook: isLook, after: after)
        }
        // 304 at once, and 204 again and again.
        #expect(!held(nil, nil, after: quick))
        #expect(held(nil, nil, after: .seconds(300)))
        #expect(held("", nil, after: quick), "the first is news")
        #expect(!held("", nil, after: quick))
        // If-Modified-Since ignored.
        #expect(held("a", "Mon", after: quick))
        #expect(held("a", "Mon", isLook: true, after: quick), "asked for again on purpose")
        #expect(!held("a", "Mon", after: quick))
        #expect(held("b", "Tue", after: quick))
        #expect(pace.pause == .zero)
        // Each time another time.
        var pauses: [Duration] = []
        for number in 0..<12 {
            #expect(held("b", "\(number)", after: quick))
            pauses.append(pace.pause)
        }
        #expect(pauses == pauses.sorted() && pauses.last == .seconds(300) && pauses[1] == .zero, "\(pauses)")
        #expect(held("c", "Wed", after: quick) && pace.pause == .zero)
    }

    @Test("a connection that is taken and dropped is tried ever more rarely and told of once, until one has stood")
    func dropped() {
        var record = WatchRecord()
        var now = MonotonicTime.now
        func worked() -> Bool { record.worked(at: now) }
        func failed(_ why: String, isSilent: Bool = false) -> Bool { record.failed(why, isSilent: isSilent, at: now) }
        var told: [String] = []
        for round in 1...20 {
            if worked() { told.append("again") }
            now = now + .seconds(2)
            if failed("dropped") { told.append("dropped") }
            #expect(record.failures == round)
        }
        #expect(told == ["dropped", "again"])
        _ = worked()
        now = now + .seconds(400)
        #expect(failed("dropped") && record.failures == 1)
        #expect(!failed("no token", isSilent: true) && record.failures == 2)
        #expect(worked())
    }
}
