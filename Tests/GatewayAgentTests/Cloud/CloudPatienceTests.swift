import Documents
import Foundation
import GatewayModel
import GatewaySystem
import MuranoSandbox
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayAgent

/// `gwe reconcile` without a daemon, as a crontab runs it, while the cloud does not want this gateway; and what is made of
/// answers that were cut on their way.
@Suite("Patience with the cloud") final class CloudPatienceTests {
    private let scratch: ScratchGateway
    private let sandbox: SandboxServer
    private let time = TroubleCampaignTests.Gateway.VirtualTime()
    private let identity = "02:42:AC:11:00:02"

    init() throws {
        scratch = try ScratchGateway()
        sandbox = try SandboxServer(dataFolder: scratch.root.appending(path: "cloud").path)
        try sandbox.start()
    }

    deinit { sandbox.stop() }

    private func context() throws -> GatewayContext {
        try scratch.write(
            "product: sandbox000000000\ncloud: \(sandbox.url)\nidentity: \(identity)\n",
            to: scratch.folders.configFolder + "/gateway.yaml")
        return GatewayContext(
            folders: scratch.folders, configuration: try scratch.load(),
            clock: { [time] in WallTime.now().advanced(by: time.passed.withLock { $0 }) },
            sinceBoot: { [time] in Duration.sinceBoot() + time.passed.withLock { $0 } })
    }

    /// One run of the command; returns its requests and what it said.
    private func reconcile(byHand: Bool = false, _ context: GatewayContext) throws -> (count: Int, told: [String]) {
        try sandbox.clearRequestLog()
        let told = ReportsTests.Sink()
        var options = PassOptions()
        options.isByHand = byHand
        _ = LocalPass.reconcile(context, options) { event in
            if case .problem(let text) = event { told.lines.withLock { $0.append(text) } }
        }
        return (try sandbox.requestLog().count, told.lines.withLock { $0 })
    }

    @Test("a device that nobody wants, reconciled every ten minutes for a day: a few requests, then hours of patience")
    func crontab() throws {
        let context = try context()
        var counts: [Int] = []
        var told: [String] = []
        for _ in 0..<144 {
            let run = try reconcile(context)
            counts.append(run.count)
            told = run.told
            time.passed.withLock { $0 += .seconds(600) }
        }
        let asked = counts.filter { $0 > 0 }.count
        #expect(asked >= 11 && asked <= 13, "ten at first, then when the time has come: \(counts)")
        #expect(counts.allSatisfy { $0 <= 2 }, "\(counts)")
        #expect(counts.prefix(10).allSatisfy { $0 > 0 })
        #expect(told.first?.hasPrefix("the cloud is left alone for another ") == true, "\(told)")
        #expect(told.first?.contains("no such device as this gateway; 'gwe activate'") == true, "\(told)")
        // A person at a terminal is not kept waiting, and a run after it is.
        #expect(try reconcile(byHand: true, context).count > 0)
        #expect(try reconcile(context).count == 0)
        // Mended in the cloud: `gwe activate` ends the patience.
        try sandbox.addDevice(identity)
        #expect(Activation.run(context, again: false).0 == .success)
        #expect(try reconcile(context).count > 0)
        #expect(StatusReport.make(context).document.json["cloud"]?["trouble"] == .null)
    }

    @Test("a token that the cloud refuses: activate tells of it, and the next pass asks at once")
    func refusedToken() throws {
        try sandbox.addDevice(identity)
        let context = try context()
        #expect(try reconcile(context).count > 0)
        try sandbox.deleteDevice(identity)
        for _ in 0..<12 { _ = try reconcile(context) }
        #expect(try reconcile(context).count == 0)
        let (exit, words) = Activation.run(context, again: false)
        #expect(exit == .success && words.hasPrefix("already activated as \(identity), and refused since "))
        #expect(words.hasSuffix("it is tried again with the next pass"), "\(words)")
        #expect(try reconcile(context).count > 0)
    }

    @Test("patience without a daemon outlives a start of the machine, and ends")
    func reboot() throws {
        var context = try context()
        for _ in 0..<12 { _ = try reconcile(context) }
        context.bootID = "another"
        #expect(try reconcile(context).count == 0)
        time.passed.withLock { $0 += .seconds(1_800) }
        #expect(try reconcile(context).count == 0)
        time.passed.withLock { $0 += .seconds(1_801) }
        #expect(try reconcile(context).count > 0, "an hour after the boot, not after each look")
    }

    @Test("an answer that was cut and looks whole is never believed, in no call by which commands come in")
    func cut() throws {
        try sandbox.addDevice(identity)
        let context = try context()
        let link = try #require(CloudConnection.open(context, mayActivate: true, emit: { _ in }))
        _ = try link.request(writing: [CloudWrite(.engineReport, "{}")], reading: [])
        for length in [1, 2, 3, 10, 11, 40, 41, 600] {
            let value = (0..<length).map { "\($0 % 10)" }.joined()
            try sandbox.write(identity, "engine_fetch", value)
            for times in [nil, 1, 2] {
                sandbox.addFault(Fault(.short, on: [.read, .exchange, .poll], times: times))
                let what = "\(length), \(times ?? 0)"
                for reading in [CloudResource.inputs, [.engineFetch]] {
                    let found = (try? link.request(writing: [], reading: reading))?[.engineFetch] ?? ""
                    #expect(found == value || found.isEmpty, "\(what): \(found)")
                }
                let polled = (try? link.poll(.engineFetch, since: nil))?.text ?? ""
                #expect(polled == value || polled.isEmpty, "\(what): \(polled)")
                sandbox.clearFaults()
            }
            #expect(try link.poll(.engineFetch, since: nil).text == value)
            #expect(try link.request(writing: [], reading: [.engineFetch])[.engineFetch] == value)
        }
    }
}

/// The thread of the watch, with a source that a test scripts.
@Suite("The watch in trouble") struct CloudWatchTroubleTests {
    private final class Source: CloudWatch.Source, @unchecked Sendable {
        let tries = Monitor(0)
        let isAboutToken: Bool
        let script: @Sendable (Int) -> Bool
        var byteCount: Int64 { Int64(tries.look { $0 }) * 1_000 }
        let heldAfter: Duration?

        init(isAboutToken: Bool, heldAfter: Duration? = nil, fails script: @escaping @Sendable (Int) -> Bool) {
            self.isAboutToken = isAboutToken
            self.heldAfter = heldAfter
            self.script = script
        }

        func next(_ watch: CloudWatch) throws(CloudFailure) -> CloudChange? {
            let number = tries.update { tries in
                tries += 1
                return tries
            }
            guard script(number) else {
                _ = watch.sleep(.seconds(600))
                return nil
            }
            throw CloudFailure(description: "no", isAboutToken: isAboutToken)
        }
    }

    @Test("it tries nothing before a pass has reached the cloud, nor while passes do not, and its failures are counted")
    func waits() throws {
        let scratch = try ScratchGateway()
        let state = try LockedState(
            context: GatewayContext(folders: scratch.folders, configuration: GatewayConfiguration(layers: [])),
            purpose: "a test")
        let failed = Lock<[Int64]>([])
        let watch = CloudWatch(
            knowledge: CloudKnowledge(journal: state.journal),
            failed: { count in failed.withLock { $0.append(count) } },
            wake: { _ in }, log: { _ in })
        let source = Source(isAboutToken: true) { $0 <= 2 }
        let hasEnded = Monitor(false)
        Thread.detachNewThread {
            watch.run(source)
            hasEnded.update { $0 = true }
        }
        defer { watch.end() }
        watch.passEnded(reachedCloud: false)
        watch.passEnded(reachedCloud: false)
        #expect(source.tries.look { $0 } == 0)
        for number in 1...3 {
            watch.passEnded(reachedCloud: true)
            let count = source.tries.wait(atMost: .seconds(60)) { $0 >= number ? $0 : nil }
            #expect(count == number)
            // What fails waits for a later pass, and one that did not reach the cloud is none.
            watch.passEnded(reachedCloud: false)
            #expect(source.tries.look { $0 } == number)
        }
        #expect(failed.withLock { $0 } == [1_000, 1_000])
        watch.end()
        #expect(hasEnded.wait(atMost: .seconds(60)) { $0 ? true : nil } == true)
    }

    @Test("its trouble is there to be told until it has worked, or until a request is held", arguments: [true, false])
    func told(isHeld: Bool) throws {
        let scratch = try ScratchGateway()
        let state = try LockedState(
            context: GatewayContext(folders: scratch.folders, configuration: GatewayConfiguration(layers: [])),
            purpose: "a test")
        let watch = CloudWatch(
            knowledge: CloudKnowledge(journal: state.journal), clock: { WallTime(milliseconds: 1_700_000_000_000) },
            wake: { _ in }, log: { _ in })
        let source = Source(isAboutToken: false, heldAfter: isHeld ? .zero : .seconds(3_600)) { $0 <= 1 }
        let hasEnded = Monitor(false)
        Thread.detachNewThread {
            watch.run(source)
            hasEnded.update { $0 = true }
        }
        defer { watch.end() }
        #expect(watch.trouble == nil)
        watch.passEnded(reachedCloud: true)
        _ = source.tries.wait(atMost: .seconds(60)) { $0 >= 1 ? $0 : nil }
        let words = "changes in the cloud are not heard of at once since 2023-11-14T22:13:20Z, but at the next poll: no"
        #expect(eventually { watch.trouble == words }, "\(watch.trouble ?? "")")
        #expect(source.tries.wait(atMost: .seconds(60)) { $0 >= 2 ? $0 : nil } == 2)
        // The second try hangs: in a connect, as far as is known, or with the cloud.
        #expect(eventually { watch.trouble == (isHeld ? nil : words) })
        watch.end()
        #expect(hasEnded.wait(atMost: .seconds(60)) { $0 ? true : nil } == true)
    }

    @Test(
        "a day of its own pauses has fewer tries than the day's limit leaves, and Retry-After is never beyond half a day"
    )
    func pauses() {
        let failure = CloudFailure(description: "no")
        for _ in 0..<50 {
            var (time, tries) = (Duration.zero, 0)
            var last: Duration = .zero
            while time < .seconds(86_400) {
                tries += 1
                let pause = CloudWatch.pause(after: tries, failure)
                #expect(pause >= .milliseconds(2_500) && pause <= .seconds(3_600))
                last = pause
                time += pause
            }
            #expect(last >= .seconds(1_800))
            #expect(tries < CloudSchedule.attemptLimit(interval: .seconds(14_400)), "\(tries)")
        }
        let asked = CloudFailure(description: "no", retryAfter: .seconds(315_360_000))
        #expect(CloudWatch.pause(after: 1, asked) == CloudSchedule.longestPatience)
    }
}
