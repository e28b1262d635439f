import DeviceClient
import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// Processes that are killed for real while they count: nothing twice, and at most the last second less.
@Suite("Metering and kill -9") struct MeteringKillTests {
    let gateway: GatewayFixture
    private let gdc: String
    private var state: String { gateway.stateFolder }

    init() throws {
        gateway = try GatewayFixture()
        gdc = gateway.root + "/gdc"
        try #require(symlink("\(Repository.products)/gwe", gdc) == 0)
    }

    private struct Sum: Equatable {
        var requests: Int64 = 0
        var sent: Int64 = 0
        var received: Int64 = 0
    }

    /// What is in the file, of one method or of all; that intervals and days say the same is checked by the way.
    private func counted(_ method: UsageRecord.Method? = nil) throws -> Sum {
        guard let store = try UsageStore.openReadOnly(stateFolder: state) else { return Sum() }
        let entries = try (store.open()?.entries ?? []) + (store.frozen()?.entries ?? [])
        func sum(_ entries: [UsageEntry]) -> Sum {
            entries.reduce(into: Sum()) {
                $0.requests += $1.count
                $0.sent += $1.sentByteCount
                $0.received += $1.receivedByteCount
            }
        }
        return sum(entries.filter { method == nil || $0.method == method })
    }

    private func daily() throws -> Sum {
        guard let store = try UsageStore.openReadOnly(stateFolder: state) else { return Sum() }
        return try store.days().reduce(into: Sum()) {
            $0.requests += $1.count
            $0.sent += $1.sentByteCount
            $0.received += $1.receivedByteCount
        }
    }

    private var requests: Int64 { get throws { Int64(try gateway.sandbox.requestLog().count) } }

    private func call(_ words: [String], under tracer: [String] = []) throws -> TestProcess {
        let line = tracer + [gdc, "-f", "gwe"] + words
        return try TestProcess(
            line[0], Array(line.dropFirst()), environment: gateway.variables, scratch: gateway.root + "/scratch")
    }

    private static let writes = "pwrite64,fdatasync,fsync,ftruncate,unlink"

    private func tracer(_ more: [String]) -> [String] {
        ["/usr/bin/strace", "-f", "-qq", "-o", gateway.root + "/trace", "-y"]
            + [state + "/usage.db", state + "/usage.db-journal", state].flatMap { ["-P", $0] }
            + ["-e", "trace=" + Self.writes] + more
    }

    @Test(
        "killed before each system call of a transaction: the request is counted once or not at all, all its sums alike"
    )
    func transaction() throws {
        try #require(try gateway.gwe("reconcile").code == 0)
        #expect(try call(["http", "timestamp"]).wait().code == 0)
        var one = Sum()
        var kills = 0
        while kills < 100 {
            let before = try (counted(), daily())
            if kills == 0 { #expect(before.0.requests == before.1.requests) }
            let happened = try requests
            let inject = "inject=\(Self.writes):signal=SIGKILL:when=\(kills + 1)"
            let ran = try call(["http", "timestamp"], under: tracer(["-e", inject])).wait()
            #expect(try requests == happened + 1, "\(ran)")
            let after = try (counted(), daily())
            let step = Sum(
                requests: after.0.requests - before.0.requests, sent: after.0.sent - before.0.sent,
                received: after.0.received - before.0.received)
            let isWhole = step.requests == 1 && step.sent > 50 && step.received > 50
            #expect(step == Sum() || isWhole, "killed before system call \(kills + 1): \(step)")
            #expect(after.1.requests - before.1.requests == step.requests && after.1.sent - before.1.sent == step.sent)
            if isWhole { one = step }
            guard ran.signal == SIGKILL else { break }
            kills += 1
        }
        #expect(kills > 10 && kills < 100 && one.requests == 1)
        print("metering: killed before each of \(kills) system calls of a transaction; one request is \(one)")
    }

    @Test(
        "a count is on the disk before a call returns: journal and file are synced in that order, once for the whole call"
    )
    func synced() throws {
        try #require(try gateway.gwe("reconcile").code == 0)
        #expect(try call(["http", "timestamp"], under: tracer([])).wait().code == 0)
        let lines = try #require(gateway.read(gateway.root + "/trace")).split(separator: "\n")
        var steps: [String] = []
        for line in lines {
            guard let name = line.split(separator: "(").first?.split(separator: " ").last else { continue }
            let file = line.contains("usage.db-journal>") ? "journal" : line.contains("usage.db>") ? "file" : "folder"
            if steps.last != "\(name) \(file)" { steps.append("\(name) \(file)") }
        }
        print("metering: a commit is \(steps)")
        // The request and the end of its connection in one. The journal's end is not synced (D103): what a power cut leaves
        // of it takes this count back, whole.
        #expect(
            steps == [
                "pwrite64 journal", "fdatasync journal", "fdatasync folder", "pwrite64 file", "fdatasync file",
                "ftruncate journal",
            ])
    }

    @Test("passes and calls killed at any moment: never more than the cloud saw, and all of those that were not killed")
    func anyMoment() throws {
        try #require(try gateway.gwe("reconcile").code == 0)
        let cloudPort = try #require(gateway.sandbox.url.split(separator: ":").last.flatMap { UInt16($0) })
        var random = SystemRandomNumberGenerator()
        var lost: Int64 = 0
        for round in 0..<24 {
            let before = (counted: try daily().requests, happened: try requests)
            #expect(before.counted <= before.happened)
            let process =
                round % 2 == 0 ? try gateway.start(["reconcile"]) : try call(["http", "write", "a", "\(round)"])
            if round % 4 < 3 {
                usleep(UInt32.random(in: 20_000...250_000, using: &random))
                process.send(SIGKILL)
            }
            let ran = process.wait()
            // The request of a process that was killed may still be on its way.
            try gateway.eventually("the cloud is through with it") { try !Loopback.hasConnections(to: cloudPort) }
            let counts = try daily().requests - before.counted
            let happened = try requests - before.happened
            #expect(counts <= happened, "\(ran)")
            if ran.signal == nil { #expect(counts == happened, "\(ran)") }
            lost += happened - counts
        }
        let sum = try (daily(), requests)
        print("metering: 24 processes, most killed: \(sum.0.requests) of \(sum.1) requests counted, \(lost) lost")
    }

    @Test(
        "a download killed in the middle, alone or with the daemon that counts: all but the end",
        arguments: [false, true])
    func download(hasDaemon: Bool) throws {
        try #require(try gateway.gwe("reconcile").code == 0)
        let bytesPerSecond: Int64 = 400_000
        try gateway.sandbox.uploadContent("large", [UInt8](repeating: 7, count: 8_000_000))
        gateway.sandbox.addFault(Fault(.trickle(bytesPerSecond: bytesPerSecond), on: [.download]))
        defer { gateway.sandbox.clearFaults() }
        let daemon = hasDaemon ? try gateway.startDaemon() : nil
        let partial = gateway.root + "/large.partial"
        let process = try TestProcess(
            "/bin/sh",
            ["-c", "cd \"$0\" && exec \"$@\"", gateway.root, gdc, "-f", "gwe", "http", "content", "download", "large"],
            environment: gateway.variables, scratch: gateway.root + "/scratch")
        func here() -> Int64 {
            var facts = stat()
            return stat(partial, &facts) == 0 ? Int64(facts.st_size) : 0
        }
        #expect(eventually { here() >= 3 * bytesPerSecond }, "\(process.err)")
        daemon?.send(SIGKILL)
        process.send(SIGKILL)
        _ = process.wait()
        _ = daemon?.wait()
        let arrived = here()
        let count = try counted(.getContent)
        let left = try #require(try gateway.downloads(of: "large").last).sentByteCount
        print(
            "metering: killed after \(arrived) bytes of a download \(hasDaemon ? "with" : "without") a daemon: counted "
                + "\(count.received), \(Double(arrived - count.received) / Double(bytesPerSecond)) s less")
        #expect(count.requests == 1)
        #expect(count.received <= left + 2_000, "headers beside the content")
        // One second, and another for a machine that is busy.
        #expect(count.received >= arrived - 2 * bytesPerSecond)
    }

    @Test("a daemon killed again and again while an app counts each 20 ms: at most its last second is lost, none twice")
    func daemon() throws {
        let meter = UsageMeter(stateFolder: state)
        var sent: Int64 = 0
        func count(for seconds: Double) {
            let end = ContinuousClock.now + .seconds(seconds)
            while ContinuousClock.now < end {
                meter.count(
                    UsageRecord(
                        interface: "ppp7", identity: "app", method: .record, resources: ["a"], sentByteCount: 10))
                sent += 1
                usleep(20_000)
            }
        }
        func taken() throws -> Int64 {
            let days = try UsageStore.openReadOnly(stateFolder: state)?.days() ?? []
            return days.filter { $0.identity == "app" }.reduce(0) { $0 + $1.count }
        }
        for round in 0..<2 {
            let daemon = try gateway.startDaemon()
            count(for: 1 + Double(round) * 0.3)
            // What is older than two seconds is in the file: one, and another for a machine that is busy.
            let old = sent
            count(for: 2)
            daemon.send(SIGKILL)
            _ = daemon.wait()
            let now = try taken()
            print("metering: daemon killed after \(sent) counts: \(now) are kept")
            #expect(now <= sent && now >= old)
            sent = now
            // Nobody is there: the app writes itself.
            count(for: 0.3)
            meter.flush()
            #expect(try taken() == sent)
        }
    }
}
