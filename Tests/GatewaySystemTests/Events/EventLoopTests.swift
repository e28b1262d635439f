import Foundation
import Synchronization
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct EventLoopTests {
    private final class Trace: Sendable {
        private let entries = Lock<[String]>([])
        func add(_ entry: String) { entries.withLock { $0.append(entry) } }
        var all: [String] { entries.withLock { $0 } }
    }

    @Test("timers fire in the order of their deadlines, a cancelled one never")
    func timers() throws {
        let loop = try EventLoop()
        let trace = Trace()
        let cancelled = loop.schedule(after: .milliseconds(10)) { trace.add("cancelled") }
        _ = loop.schedule(after: .milliseconds(60)) { trace.add("late") }
        _ = loop.schedule(after: .zero) { trace.add("now") }
        _ = loop.schedule(after: .milliseconds(30)) { trace.add("soon") }
        loop.cancel(cancelled)
        loop.run { trace.all.count >= 3 }
        #expect(trace.all == ["now", "soon", "late"])
    }

    @Test("a deadline before the beginning of the clock, and one in far future, fire when they are due")
    func extremeTimers() throws {
        let loop = try EventLoop()
        let trace = Trace()
        _ = loop.schedule(after: .seconds(Int64.max)) { trace.add("never") }
        _ = loop.schedule(after: .milliseconds(5)) { trace.add("soon") }
        _ = loop.schedule(after: .seconds(-1_000_000_000)) { trace.add("past") }
        loop.run { trace.all.count >= 2 }
        #expect(trace.all == ["past", "soon"])
    }

    @Test("timers fire also where the kernel refuses the alarm, and wake a loop that sleeps")
    func refusedAlarm() throws {
        // timerfd_settime(2) refuses every descriptor that is no timer.
        let ends = Pipe()
        let descriptor = dup(ends.fileHandleForReading.fileDescriptor)
        try #require(descriptor >= 0 && fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
        let loop = try EventLoop(timerDescriptor: descriptor)
        let trace = Trace()
        Thread.detachNewThread {
            _ = eventually { loop.isRunning }
            _ = loop.schedule(after: .milliseconds(40)) {
                trace.add("second")
                loop.stop()
            }
            _ = loop.schedule(after: .milliseconds(20)) { trace.add("first") }
        }
        loop.run()
        #expect(trace.all == ["first", "second"])
    }

    @Test("work from other threads runs on the loop's thread, in the order in which it came")
    func posts() throws {
        let loop = try EventLoop()
        let trace = Trace()
        Thread.detachNewThread {
            for number in 0..<100 { loop.post { trace.add("\(number) \(loop.isCurrent)") } }
            loop.post { loop.stop() }
        }
        loop.run()
        #expect(trace.all == (0..<100).map { "\($0) true" })
        #expect(!loop.isCurrent && !loop.isRunning)
    }

    @Test("a descriptor calls while there is something to read, once when asked for once, and never when removed")
    func sources() throws {
        let loop = try EventLoop()
        let trace = Trace()
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        let (reading, writing) = (ends[0], ends[1])
        let source = try loop.add(reading, .readableOnce) { trace.add("once") }
        write(writing, "xy", 2)
        _ = loop.schedule(after: .milliseconds(20)) { trace.add("timer") }
        loop.run { trace.all.contains("timer") }
        #expect(trace.all == ["once", "timer"])
        loop.rearm(source, .readableOnce)
        loop.run { trace.all.count == 3 }
        #expect(trace.all.last == "once")
        loop.rearm(source, .readable)
        loop.remove(source)
        _ = loop.schedule(after: .milliseconds(20)) { trace.add("end") }
        loop.run { trace.all.contains("end") }
        #expect(trace.all == ["once", "timer", "once", "end"])
    }

    @Test("a change of a watched file is told once, also when the file is replaced, and another file's is not")
    func fileWatch() throws {
        let scratch = TemporaryFolder()
        let folder = scratch.path
        defer { withExtendedLifetime(scratch) {} }
        let loop = try EventLoop()
        let trace = Trace()
        let watch = try loop.onChange(ofFile: folder + "/manifest.yaml", quiet: .milliseconds(50)) {
            trace.add("changed")
        }
        defer { watch.close() }
        // Nothing more is to happen.
        func settle() {
            let done = Trace()
            _ = loop.schedule(after: .milliseconds(300)) { done.add("") }
            loop.run { !done.all.isEmpty }
        }
        try "x".write(toFile: folder + "/other.yaml", atomically: false, encoding: .utf8)
        settle()
        #expect(trace.all.isEmpty)
        try "1".write(toFile: folder + "/manifest.yaml", atomically: false, encoding: .utf8)
        loop.run { !trace.all.isEmpty }
        settle()
        #expect(trace.all.count == 1)
        try "2".write(toFile: folder + "/manifest.yaml", atomically: true, encoding: .utf8)
        loop.run { trace.all.count > 1 }
        settle()
        #expect(trace.all.count == 2)
    }

    @Test("the end of a process is told once, and a process that is not there is an error")
    func processWatch() throws {
        let loop = try EventLoop()
        let trace = Trace()
        let pid = try ChildProcess.spawn(.init(executable: "/bin/sh", arguments: ["-c", "exit 4"], environment: [:]))
        let watch = try loop.onEnd(of: pid) { trace.add("ended") }
        loop.run { !trace.all.isEmpty }
        watch.close()
        #expect(try ChildProcess.poll(pid) == .code(4))
        #expect(trace.all == ["ended"])
        #expect(throws: SystemError.self) { try loop.onEnd(of: pid) {} }
    }

    @Test("a latch is opened by another thread, or its wait ends with the timeout")
    func latch() throws {
        let latch = Latch()
        #expect(!latch.wait(timeout: .milliseconds(1)))
        Thread.detachNewThread { latch.open() }
        #expect(latch.wait(timeout: .seconds(60)))
    }
}
