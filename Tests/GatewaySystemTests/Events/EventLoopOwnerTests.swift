import Foundation
import Synchronization
import TestSupport
import Testing

@testable import GatewaySystem

/// Who may touch what belongs to a loop, and that nobody waits for a loop that has ended.
@Suite struct EventLoopOwnerTests {
    private final class Value: Sendable {
        private let stored = Lock(0)
        var now: Int { stored.withLock { $0 } }
        func set(_ value: Int) { stored.withLock { $0 = value } }
    }

    private func running() throws -> EventLoop {
        let loop = try EventLoop()
        Thread.detachNewThread { loop.run() }
        #expect(eventually { loop.isRunning })
        return loop
    }

    @Test("a call runs on the loop's thread after what was posted before, and gives its result")
    func onLoopThread() throws {
        let loop = try running()
        defer { loop.stop() }
        let value = Value()
        for number in 1...100 { loop.post { value.set(number) } }
        let (seen, isCurrent) = loop.perform { (value.now, loop.isCurrent) }
        #expect(seen == 100 && isCurrent && !loop.isCurrent)
        #expect(loop.perform { loop.perform { value.now } } == 100, "on the loop's thread it runs at once")
    }

    @Test("while no thread runs the loop, the caller's thread does the call, and owns the loop meanwhile")
    func withoutThread() throws {
        let loop = try EventLoop()
        let owned = LoopOwned(7, loop: loop)
        #expect(!loop.isCurrent)
        #expect(loop.perform { loop.isCurrent && owned.value == 7 })
        #expect(!loop.isCurrent && !loop.isRunning)
    }

    @Test("calls of many threads never run at the same time, whether the loop runs, ends or begins")
    func exclusion() throws {
        let loop = try EventLoop()
        let owned = LoopOwned((inside: false, count: 0, doubles: 0), loop: loop)
        let left = Monitor(4)
        for _ in 0..<4 {
            Thread.detachNewThread {
                for _ in 0..<2_000 {
                    loop.perform {
                        if owned.value.inside { owned.value.doubles += 1 }
                        owned.value.inside = true
                        owned.value.count += 1
                        owned.value.inside = false
                    }
                }
                left.update { $0 -= 1 }
            }
        }
        while left.look({ $0 }) > 0 {
            loop.post { loop.stop() }
            loop.run()
        }
        let (_, count, doubles) = loop.perform { owned.value }
        #expect(count == 8_000 && doubles == 0)
    }

    @Test("a call that waits when the loop ends is done by its own thread")
    func loopEnds() throws {
        let loop = try running()
        let gate = Latch()
        let inside = Latch()
        loop.post {
            loop.stop()
            inside.open()
            _ = gate.wait(timeout: .seconds(60))
        }
        #expect(inside.wait(timeout: .seconds(60)))
        let result = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let isCurrent = loop.perform { loop.isCurrent }
            result.update { $0 = isCurrent }
        }
        gate.open()
        #expect(result.wait(atMost: .seconds(60)) { $0 } == true)
        #expect(eventually { !loop.isRunning })
    }

    @Test("a wait ends when its condition holds, asked on the loop's thread, or when its time is over")
    func waiting() throws {
        let loop = try running()
        defer { loop.stop() }
        let value = Value()
        #expect(!loop.wait(atMost: .milliseconds(5)) { value.now == 1 })
        _ = loop.schedule(after: .milliseconds(20)) { value.set(1) }
        #expect(loop.wait(atMost: .seconds(60)) { value.now == 1 && loop.isCurrent })
        #expect(loop.wait(atMost: .seconds(60), for: { value.now == 1 ? "one" : nil }) == "one")
    }

    @Test("a wait handles events itself when no thread does any more, and lets the next run begin")
    func waitTakesOver() throws {
        let loop = try running()
        let value = Value()
        let result = Monitor<Bool?>(nil)
        Thread.detachNewThread {
            let holds = loop.wait(atMost: .seconds(60)) { value.now == 2 }
            result.update { $0 = holds }
        }
        loop.stop()
        // Only a thread that handles events fires it.
        let taken = Latch()
        _ = loop.schedule(after: .zero) {
            value.set(1)
            taken.open()
        }
        #expect(taken.wait(timeout: .seconds(60)))
        // The waiting thread gives the loop back to a run, which fires this one.
        _ = loop.schedule(after: .zero) { value.set(2) }
        loop.run { value.now == 2 }
        #expect(result.wait(atMost: .seconds(60)) { $0 } == true)
    }
    @Test("a run within posted work sees what was posted after it", .timeLimit(.minutes(1)))
    func nestedPosts() throws {
        let loop = try EventLoop()
        let seen = Lock(false)
        loop.post { loop.run { seen.withLock { $0 } } }
        loop.post { seen.withLock { $0 = true } }
        loop.run { seen.withLock { $0 } }
        #expect(seen.withLock { $0 })
    }
}
