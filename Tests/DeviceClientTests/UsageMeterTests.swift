import DeviceClient
import Foundation
import GatewayAgent
import GatewaySystem
import Glibc
import TestSupport
import Testing

@Suite("The meter and its collector") struct UsageMeterTests {
    let folder: TemporaryFolder
    private var socket: String { folder("run/usage.sock") }

    init() throws { folder = TemporaryFolder() }

    private func record(_ name: String = "a", sent: Int64 = 10) -> UsageRecord {
        UsageRecord(
            interface: "eth0", identity: "dev", method: .read, resources: [name], sentByteCount: sent,
            receivedByteCount: 20, duration: .milliseconds(5))
    }

    /// What the file has: requests and bytes sent.
    private func counted() throws -> (requests: Int64, sent: Int64) {
        guard let store = try UsageStore.openReadOnly(stateFolder: folder.path) else { return (0, 0) }
        return try store.days().reduce((0, 0)) { ($0.0 + $1.count, $0.1 + $1.sentByteCount) }
    }

    private func collector() throws -> UsageCollector {
        try UsageCollector(stateFolder: folder.path) { Issue.record("\($0)") }
    }

    @Test("without a daemon a meter writes by itself, a second later without being asked, or when it is to end")
    func direct() throws {
        let meter = UsageMeter(stateFolder: folder.path)
        meter.count(record())
        #expect(try eventually { try counted().requests == 1 })
        for _ in 0..<100 { meter.count(record()) }
        #expect(try eventually { try counted() == (101, 1_010) })
        meter.count(record("b"))
        meter.flush()
        #expect(try counted() == (102, 1_020))
        #expect(meter.droppedCount == 0)
    }

    @Test("with a daemon nothing but its collector writes, and all meters count once")
    func collected() throws {
        let collector = try collector()
        let meters = (0..<4).map { _ in UsageMeter(stateFolder: folder.path) }
        for index in 0..<400 { meters[index % 4].count(record("r\(index % 7)")) }
        for meter in meters { meter.flush() }
        collector.stop()
        #expect(try counted() == (400, 4_000))
        let entries = try #require(try UsageStore.openReadOnly(stateFolder: folder.path)?.open()?.entries)
        #expect(entries.count == 7 && entries.reduce(0) { $0 + $1.count } == 400)
    }

    @Test("a batch is written within seconds, without a stop")
    func batch() throws {
        let collector = try collector()
        defer { collector.stop() }
        let meter = UsageMeter(stateFolder: folder.path)
        meter.count(record())
        #expect(try eventually { try counted().requests == 1 })
        meter.count(record())
        #expect(try eventually { try counted().requests == 2 })
    }

    @Test("a daemon that comes, goes and comes again loses no count and takes none twice")
    func restarts() throws {
        let meter = UsageMeter(stateFolder: folder.path)
        for round in 0..<5 {
            let collector = round % 2 == 0 ? try collector() : nil
            for _ in 0..<20 { meter.count(record()) }
            collector?.stop()
        }
        meter.flush()
        #expect(try counted() == (100, 1_000))
    }

    @Test("what nobody takes is dropped and said so, and no folder is made for it")
    func nowhere() throws {
        let missing = folder("not-there")
        let meter = UsageMeter(stateFolder: missing)
        for index in 0..<100 { meter.count(record("r\(index)")) }
        meter.flush()
        #expect(meter.droppedCount == 100)
        #expect(!FileManager.default.fileExists(atPath: missing))
    }

    @Test("whatever comes in at the socket, the collector goes on, and values stay within what can be true")
    func strangers() throws {
        let collector = try collector()
        let sender = DatagramSender()
        func send(_ bytes: [UInt8]) {
            #expect(eventually { sender.send(bytes, to: socket) == .sent })
        }
        let long = String(repeating: "x", count: 500)
        let names = (0..<40).map { "\"n\($0)\"" }.joined(separator: ",")
        for text in [
            "", "x", "[", "{}", "[1]", "[[]]", "null", #"[["eth0","d","read",[],1,1,1,1,1,1,1,1]]"#,
            #"[["eth0","d","steal",[],1,1,1,1,1,1,1,1,1]]"#, #"[["eth0","d","read",[1],1,1,1,1,1,1,1,1,1]]"#,
            String(repeating: "[", count: 10_000), String(repeating: " ", count: 60_000),
        ] { send(Array(text.utf8)) }
        send((0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let wild =
            "[[\"\(long)\",\"\(long)\",\"read\",[\(names)],9223372036854775807,9223372036854775807,-5,0,0,-9,0,0,"
            + "9223372036854775807]]"
        send(Array(wild.utf8))
        collector.stop()
        let entries = try #require(try UsageStore.openReadOnly(stateFolder: folder.path)?.open()?.entries)
        let entry = try #require(entries.first)
        #expect(entries.count == 1)
        #expect(entry.interface.utf8.count == 15 && entry.identity.utf8.count == 128 && entry.resources.count == 17)
        #expect(entry.count == 1_000_000 && entry.sentByteCount == 1 << 40 && entry.receivedByteCount == 0)
        #expect(entry.duration == .zero && entry.longestDuration == .seconds(7 * 86_400))
    }

    @Test("thousands of forged records of the largest values stop at the limit, and the daemon lives")
    func forged() throws {
        let collector = try collector()
        let sender = DatagramSender()
        let most = Int64.max
        let one =
            #"["eth0","d","read",[],\#(most),\#(most),\#(most),\#(most),\#(most),\#(most),\#(most),\#(most),\#(most)]"#
        let bytes = Array("[\(Array(repeating: one, count: 60).joined(separator: ","))]".utf8)
        for _ in 0..<200 { #expect(eventually { sender.send(bytes, to: socket) == .sent }) }
        collector.stop()
        let entry = try #require(try UsageStore.openReadOnly(stateFolder: folder.path)?.open()?.entries.first)
        #expect(entry.sentByteCount == 1 << 45, "\(entry)")
        #expect(entry.receivedWithHeaders == 1 << 45 && entry.duration > .zero)
        let day = try #require(try UsageStore.openReadOnly(stateFolder: folder.path)?.days().first)
        #expect(day.receivedByteCount == 1 << 45 && day.count == 12_000 * 1_000_000)
    }

    @Test("a meter that may not write tells a daemon, and leaves no file where there is none")
    func readOnly() throws {
        let meter = UsageMeter(stateFolder: folder.path, mayWrite: false)
        meter.count(record())
        meter.flush()
        #expect(meter.droppedCount == 1 && folder.names.isEmpty)
        let collector = try collector()
        meter.count(record())
        collector.stop()
        #expect(try counted() == (1, 10))
    }

    @Test("the socket is everybody's to send to; once it is stopped, senders know that nobody is there")
    func socketMode() throws {
        let collector = try collector()
        var facts = stat()
        #expect(lstat(socket, &facts) == 0 && facts.st_mode & 0o777 == 0o666)
        collector.stop()
        #expect(lstat(socket, &facts) != 0)
        #expect(DatagramSender().send([1], to: socket) == .nobody)
    }

    @Test("a full queue never holds a sender up, and what waited comes with the next record")
    func fullQueue() throws {
        // Somebody who listens and does not read.
        try FileManager.default.createDirectory(atPath: folder("run"), withIntermediateDirectories: false)
        let meter = UsageMeter(stateFolder: folder.path)
        do {
            let sleeper = try DatagramReceiver(path: socket, mode: 0o600)
            for index in 0..<5_000 { meter.count(record("r\(index % 20)")) }
            withExtendedLifetime(sleeper) {}
        }
        // What the sleeper had in its queue is lost with it; the rest is here still.
        let collector = try collector()
        meter.count(record("last"))
        collector.stop()
        let (requests, _) = try counted()
        #expect(requests > 1 && requests <= 5_001)
        let entries = try #require(try UsageStore.openReadOnly(stateFolder: folder.path)?.open()?.entries)
        #expect(entries.contains { $0.resources == ["last"] && $0.count == 1 })
        #expect(entries.count == 21)
    }

    @Test("what waited for a full queue is brought away without another count")
    func leftInQueue() throws {
        try FileManager.default.createDirectory(atPath: folder("run"), withIntermediateDirectories: false)
        let meter = UsageMeter(stateFolder: folder.path)
        do {
            let sleeper = try DatagramReceiver(path: socket, mode: 0o600)
            for index in 0..<2_000 { meter.count(record("r\(index % 20)")) }
            withExtendedLifetime(sleeper) {}
        }
        #expect(try eventually { try counted().requests > 0 })
        withExtendedLifetime(meter) {}
    }

    @Test("while somebody else holds the file, one thread waits for it and the others count on")
    func heldFile() throws {
        _ = try UsageStore.open(stateFolder: folder.path)
        let database = try Database(path: UsageStore.path(stateFolder: folder.path))
        let meter = UsageMeter(stateFolder: folder.path)
        let done = Monitor(0)
        let record = record()
        var threads: [BackgroundThread] = []
        for _ in 0..<3 {
            // All three find the file held, and no write before.
            threads.append(
                try BackgroundThread("counting") {
                    done.wait { $0 >= 10 ? () : nil }
                    meter.count(record)
                    done.update { $0 += 1 }
                })
        }
        let free = try database.transaction { (c: inout DatabaseConnection) throws(DatabaseError) -> Int in
            try c.execute("UPDATE interval SET frozen = frozen")
            done.update { $0 = 10 }
            return done.wait(atMost: .seconds(8)) { $0 >= 12 ? $0 : nil } ?? 0
        }
        #expect(free >= 12, "two of three did not wait")
        for thread in threads { thread.join() }
        #expect(try eventually { try counted() == (3, 30) })
        #expect(meter.droppedCount == 0)
    }

    @Test("a daemon that cannot write says so once, and writes as soon as it can, though nothing more comes")
    func retried() throws {
        let problems = Monitor<[String]>([])
        try FileManager.default.createDirectory(
            atPath: folder("usage.db"), withIntermediateDirectories: false)
        let collector = try UsageCollector(stateFolder: folder.path) { text in problems.update { $0.append(text) } }
        defer { collector.stop() }
        let meter = UsageMeter(stateFolder: folder.path)
        meter.count(record())
        #expect(eventually { problems.look { !$0.isEmpty } })
        try FileManager.default.removeItem(atPath: folder("usage.db"))
        #expect(try eventually { try counted() == (1, 10) })
        #expect(problems.look(\.count) == 1)
    }
}
