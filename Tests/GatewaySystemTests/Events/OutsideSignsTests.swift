import CLinux
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import GatewaySystem

@Suite("Signs from outside") struct OutsideSignsTests {
    @Test("the timer of the clock waits for ever, and a step is told each time it comes")
    func clockSteps() throws {
        let loop = try EventLoop()
        // The kernel takes the timer, and does not fire it.
        let count = Lock(0)
        let quiet = try ClockSteps(loop: loop) { count.withLock { $0 += 1 } }
        let isOver = Lock(false)
        _ = loop.schedule(after: .milliseconds(50)) { isOver.withLock { $0 = true } }
        loop.run { isOver.withLock { $0 } }
        #expect(count.withLock { $0 } == 0)
        withExtendedLifetime(quiet) {}
        // Tests do not set the machine's clock: a pipe stands for the cancelled timer.
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[1]) }
        let steps = Lock(0)
        let watch = try ClockSteps(loop: loop, descriptor: ends[0]) { steps.withLock { $0 += 1 } }
        for expected in 1...3 {
            var one: UInt64 = 1
            #expect(write(ends[1], &one, 8) == 8)
            loop.run { steps.withLock { $0 } >= expected }
        }
        #expect(steps.withLock { $0 } == 3)
        withExtendedLifetime(watch) {}
    }

    @Test(
        "an address and a default route are news; an address of this host, a renewal, a route elsewhere, and a loss are not"
    )
    func network() throws {
        #expect(try inOwnNetwork { Self.changes() } == nil)
    }

    /// nil when all is as it should be.
    private static func changes() -> String? {
        do {
            let loop = try EventLoop()
            let count = Lock(0)
            let watch = try NetworkWatch(loop: loop) { count.withLock { $0 += 1 } }
            defer { withExtendedLifetime(watch) {} }
            for (command, isNews) in [
                ("link set lo up", false), ("addr add 127.0.0.9/8 dev lo", false),
                ("addr add 192.0.2.1/24 dev lo", true),
                // As a lease does that is renewed.
                ("addr change 192.0.2.1/24 dev lo valid_lft 3600 preferred_lft 3600", false),
                ("route add 198.51.100.0/24 via 192.0.2.2 dev lo", false),
                ("route add default via 192.0.2.2 dev lo", true), ("route del default", false),
                ("addr del 192.0.2.1/24 dev lo", false),
            ] {
                let before = count.withLock { $0 }
                guard run(command) else { return "ip \(command) failed" }
                // What the command led to is there when it has ended.
                let isOver = Lock(false)
                _ = loop.schedule(after: .milliseconds(20)) { isOver.withLock { $0 = true } }
                loop.run { isOver.withLock { $0 } }
                let found = count.withLock { $0 } > before
                if found != isNews { return "ip \(command): news \(found)" }
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Runs ip(8) in this thread's namespace.
    private static func run(_ command: String) -> Bool {
        (try? TestProcess.run("ip", command.split(separator: " ").map(String.init)))?.code == 0
    }
}
