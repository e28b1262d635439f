import Foundation
import GatewayModel
import GatewaySystem
import Synchronization
import TestSupport
import Testing

@testable import GatewayAgent

@Suite("The queue of passes") struct PassQueueTests {
    private final class Trace: Sendable {
        let reasons = Lock<[String]>([])
        func add(_ reason: String) { reasons.withLock { $0.append(reason) } }
        func add(_ reason: PassReason) { add(reason.description) }
        var all: [String] { reasons.withLock { $0 } }
    }

    private static func options(_ reason: PassReason, isOffline: Bool = false) -> PassOptions {
        var options = PassOptions(reason)
        options.isOffline = isOffline
        return options
    }

    /// Runs a queue on a thread of its own; a pass that is not offline sets the next poll.
    private func run(_ queue: PassQueue, poll: Duration, _ trace: Trace, work: @escaping @Sendable () -> Void = {}) {
        Thread.detachNewThread {
            queue.run(first: .init(options: Self.options(.start), listener: nil)) { request in
                trace.add(request.options.reason)
                work()
                request.listener?(.result(.success, ""))
                return request.options.isOffline ? .pollAsBefore : .pollAfter(poll)
            }
        }
    }

    @Test("offline passes in a row neither move the next poll nor keep it away")
    func pollStays() throws {
        let queue = PassQueue()
        let trace = Trace()
        // Each offline pass asks for the next one: the queue is never empty.
        run(queue, poll: .milliseconds(100), trace) { [weak queue] in
            usleep(1_000)
            queue?.enqueue(.init(options: Self.options(.install, isOffline: true), listener: nil))
        }
        #expect(eventually { trace.all.count { $0 == "timer" } >= 2 })
        #expect(trace.all.contains("gwe install"))
        queue.end(.afterPass, farewell: "over")
        #expect(queue.waitForEnd(timeout: .seconds(30)))
    }

    @Test("an offline pass leaves the time of the next poll as it was")
    func pollTime() throws {
        let queue = PassQueue()
        let trace = Trace()
        run(queue, poll: .seconds(1_000), trace)
        #expect(eventually { queue.timeToNextPoll != nil })
        let before = try #require(queue.timeToNextPoll)
        queue.enqueue(.init(options: Self.options(.install, isOffline: true), listener: nil))
        #expect(eventually { trace.all.count == 2 && !queue.isBusy })
        #expect(try #require(queue.timeToNextPoll) <= before)
        queue.end(.afterPass, farewell: "over")
        #expect(queue.waitForEnd(timeout: .seconds(30)))
    }

    @Test("a pass that tries again begins after its pause, once, and leaves the next poll when it was")
    func retry() throws {
        let queue = PassQueue()
        let trace = Trace()
        Thread.detachNewThread {
            queue.run(first: .init(options: Self.options(.start), listener: nil)) { request in
                trace.add(request.options.reason)
                return request.options.isRetry ? .pollAsBefore : .pollAfter(.seconds(1_000))
            }
        }
        #expect(eventually { queue.timeToNextPoll != nil })
        let before = try #require(queue.timeToNextPoll)
        queue.retry(after: .seconds(500))
        #expect(queue.timeToNextRetry != nil)
        queue.retry(after: .milliseconds(20))
        #expect(eventually { trace.all.count == 2 && !queue.isBusy })
        #expect(trace.all.last == PassReason.machineRetry.description)
        #expect(queue.timeToNextRetry == nil)
        #expect(try #require(queue.timeToNextPoll) <= before)
        queue.retry(after: .seconds(500))
        queue.retry(after: nil)
        #expect(queue.timeToNextRetry == nil)
        queue.end(.afterPass, farewell: "over")
        #expect(queue.waitForEnd(timeout: .seconds(30)))
        #expect(trace.all.count == 2)
    }

    @Test("of requests that nobody listens to, one of a kind waits, however many come while a pass runs")
    func oneOfAKind() throws {
        let queue = PassQueue()
        let trace = Trace()
        let isHanging = Lock(true)
        run(queue, poll: .seconds(1_000), trace) { _ = eventually { !isHanging.withLock { $0 } } }
        #expect(eventually { queue.isBusy })
        let answered = Trace()
        let change = Self.options(.cloudChanged(.engineFetch))
        for number in 0..<1_000 {
            queue.enqueue(.init(options: change, listener: nil))
            if number % 100 == 0 {
                queue.enqueue(.init(options: Self.options(.socket)) { _ in answered.add("\(number)") })
            }
        }
        #expect(queue.waitingCount == 11)
        isHanging.withLock { $0 = false }
        #expect(eventually { answered.all.count == 10 && !queue.isBusy })
        #expect(trace.all == ["start", change.reason.description], "one pass answers them all")
        queue.end(.afterPass, farewell: "over")
        #expect(queue.waitForEnd(timeout: .seconds(30)))
    }

    @Test("changes in the cloud without end begin ten passes, and then wait; what others ask for does not")
    func changesWithoutEnd() throws {
        let queue = PassQueue()
        let trace = Trace()
        let change = Self.options(.cloudChanged(.engineFetch))
        // Each pass finds another change.
        run(queue, poll: .seconds(1_000), trace) { [weak queue] in
            queue?.enqueue(.init(options: change, listener: nil))
        }
        #expect(eventually { trace.all.count == 1 + PassQueue.freeChanges && !queue.isBusy })
        #expect(queue.waitingCount == 1)
        let answered = Trace()
        queue.enqueue(.init(options: Self.options(.install, isOffline: true)) { _ in answered.add("offline") })
        #expect(eventually { answered.all == ["offline"] && !queue.isBusy })
        #expect(trace.all.last == "gwe install" && queue.waitingCount == 1)
        queue.enqueue(.init(options: Self.options(.socket)) { _ in answered.add("whole") })
        #expect(eventually { answered.all == ["offline", "whole"] })
        queue.end(.afterPass, farewell: "over")
        #expect(queue.waitForEnd(timeout: .seconds(30)))
    }

    @Test("who waits while the queue ends is told so with 75, and so is who comes later")
    func farewell() throws {
        let queue = PassQueue()
        let trace = Trace()
        let heard = Trace()
        let listener: PassQueue.Listener = { event in
            if case .result(let exit, let words) = event { heard.add("\(exit.rawValue) \(words)") }
            if case .note(let words) = event { heard.add(words) }
        }
        Thread.detachNewThread {
            queue.run(first: .init(options: Self.options(.start), listener: listener)) { request in
                trace.add(request.options.reason)
                while !queue.isInterrupted { usleep(1_000) }
                return .interrupted
            }
        }
        #expect(eventually { queue.isBusy })
        queue.enqueue(.init(options: Self.options(.reload), listener: listener))
        queue.end(.atNextStep, farewell: "the daemon is stopping")
        queue.enqueue(.init(options: Self.options(.socket), listener: listener))
        #expect(queue.waitForEnd(timeout: .seconds(30)), "the pass ends at its next step")
        queue.abandon()
        #expect(queue.isAlive)
        #expect(
            heard.all == [
                "75 the daemon is stopping", "the daemon is stopping", "75 the daemon is stopping",
                "75 the daemon is stopping",
            ])
        #expect(trace.all == ["start"])
    }
}

@Suite("The events of a pass on their way to a reader") struct EventStreamTests {
    @Test("of a reader that has gone nothing is kept")
    func abandoned() {
        let stream = EventStream()
        stream.append(.note("one"))
        #expect(stream.waitingCount == 1)
        stream.abandon()
        for _ in 0..<100 { stream.append(.note("more")) }
        #expect(stream.waitingCount == 0)
        #expect(stream.next() == nil)
    }

    @Test("a reader that does not read costs a bounded number of lines, and still gets the result")
    func bounded() throws {
        let stream = EventStream()
        for number in 0..<20_000 { stream.append(.note("\(number)")) }
        stream.append(.result(.success, ""))
        #expect(stream.waitingCount == EventStream.lineLimit + 1)
        let text = String(decoding: try #require(stream.next()), as: UTF8.self)
        #expect(text.hasSuffix("\"type\":\"result\",\"exit\":0,\"message\":\"\"}\n"), "\(text.suffix(80))")
        #expect(stream.next() == nil)
    }
}

@Suite("The line for the service manager") struct DaemonStatusLineTests {
    private func status(_ name: String, _ state: ServiceState, problem: String? = nil) throws -> ServiceStatus {
        ServiceStatus(app: try #require(AppName(name)), state: state, problem: problem)
    }

    @Test("counts apps, those that run and those that failed, and names the first three of these")
    func counts() throws {
        #expect(DaemonStatusLine.text([], nextPoll: nil) == "0 apps, 0 running, 0 failed")
        let one = try status("web", .running)
        let time = WallTime(milliseconds: 1_795_372_445_000)
        #expect(DaemonStatusLine.text([one], nextPoll: time) == "1 app, 1 running, 0 failed; next poll \(time)")
        let failed = try ["a", "b", "c"].map { try status($0, .backoff) } + [status("d", .fatal)]
        #expect(
            DaemonStatusLine.text([one] + failed, nextPoll: nil) == "5 apps, 1 running, 4 failed: a, b, c, …")
        let ended = try [
            status("job", .exited), status("bad", .exited, problem: "exit code 1"), status("off", .stopped),
        ]
        #expect(DaemonStatusLine.text(ended, nextPoll: nil) == "3 apps, 0 running, 1 failed: bad")
    }
}
