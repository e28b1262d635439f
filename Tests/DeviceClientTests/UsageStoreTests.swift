import DeviceClient
import Foundation
import GatewaySystem
import TestSupport
import Testing

@Suite("The store of counts") struct UsageStoreTests {
    /// 2026-11-22T12:00:00Z.
    static let noon: Int64 = 1_795_348_800

    static func record(
        _ method: UsageRecord.Method = .read, _ resources: [String] = ["a"], interface: String = "eth0",
        identity: String = "device-1", count: Int = 1, sent: Int64 = 100, received: Int64 = 50,
        duration: Duration = .milliseconds(100)
    ) -> UsageRecord {
        UsageRecord(
            interface: interface, identity: identity, method: method, resources: resources, count: count,
            sentByteCount: sent, receivedByteCount: received, sentWithHeaders: sent + 52,
            receivedWithHeaders: received + 52,
            duration: duration)
    }

    @Test("records of one kind add up, with the largest and the longest request")
    func addition() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        try store.add(
            [Self.record(), Self.record(sent: 300, received: 10, duration: .milliseconds(700))], at: Self.noon)
        try store.add([Self.record(.write, ["b", "c"])], at: Self.noon)
        let interval = try #require(try store.freeze())
        #expect(interval.entries.count == 2)
        let read = try #require(interval.entries.first)
        #expect(read.method == .read && read.resources == ["a"] && read.count == 2)
        #expect(read.sentByteCount == 400 && read.largestSentByteCount == 300)
        #expect(read.receivedByteCount == 60 && read.largestReceivedByteCount == 50)
        #expect(read.sentWithHeaders == 504 && read.receivedWithHeaders == 164)
        #expect(read.averageDuration == .milliseconds(400) && read.longestDuration == .milliseconds(700))
        #expect(interval.entries.last?.resources == ["b", "c"])
    }

    @Test("bytes that come after the report of their request wait for the next one: no row has bytes and no request")
    func lateBytes() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        let late = Self.record(count: 0, sent: 0, received: 1, duration: .zero)
        try store.add([late], at: Self.noon)
        #expect(try store.open() == nil && store.freeze() == nil)
        try store.add([Self.record(.write)], at: Self.noon)
        let first = try #require(try store.freeze())
        #expect(first.entries.map(\.method) == [.write])
        try store.add([Self.record()], at: Self.noon)
        try store.forget(first.id)
        let second = try #require(try store.freeze())
        #expect(second.entries.map(\.count) == [1] && second.entries.first?.receivedByteCount == 51)
    }

    @Test("a frozen interval is given unchanged until it is forgotten, also to another process; later records wait")
    func freezing() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        #expect(try store.freeze() == nil)
        try store.add([Self.record()], at: Self.noon)
        #expect(try store.frozen() == nil)
        #expect(try store.open()?.entries.count == 1)
        let first = try #require(try store.freeze())
        try store.add([Self.record(.write)], at: Self.noon)
        #expect(try store.freeze() == first)
        let other = try UsageStore.open(stateFolder: folder.path)
        #expect(try other.frozen() == first && other.freeze() == first)
        try other.forget(first.id)
        try other.forget(first.id)
        let second = try #require(try store.freeze())
        #expect(second.id != first.id && second.entries.map(\.method) == [.write])
        // Not the frozen one: nothing happens.
        try store.forget(first.id)
        #expect(try store.freeze() == second)
        #expect(try store.days().map(\.count) == [2])
    }

    @Test("sums stop at a limit: forged records of the largest values overflow neither SQLite's integers nor Swift's")
    func saturation() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        var forged = UsageRecord(
            interface: "eth0", identity: "d", method: .read, resources: [], count: 1_000_000, sentByteCount: 1 << 40,
            receivedByteCount: 1 << 40, sentWithHeaders: 1 << 40, receivedWithHeaders: 1 << 40,
            duration: .seconds(7 * 86_400))
        // As a batch may be that waited long for the file.
        forged.count = 1 << 44
        for _ in 0..<5 { try store.add(Array(repeating: forged, count: 20), at: Self.noon) }
        forged.sentByteCount = .max
        try store.add([forged], at: Self.noon)
        try store.add([forged], at: nil)
        try store.add([Self.record()], at: Self.noon)
        let limit: Int64 = 1 << 45
        let entry = try #require(try store.open()?.entries.first { $0.identity == "d" })
        #expect(entry.count == limit && entry.sentByteCount == limit && entry.receivedByteCount == limit)
        #expect(entry.sentWithHeaders == limit && entry.receivedWithHeaders == limit)
        #expect(entry.duration == .microseconds(limit))
        let day = try #require(try store.days().first { $0.identity == "d" })
        #expect(day.sentByteCount == limit && day.receivedWithHeaders == limit && day.count == limit)
        #expect(try store.months().count == 2)
    }

    @Test("the open interval is not forgotten, whatever number is named")
    func forgettingOpen() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        try store.add([Self.record()], at: Self.noon)
        let open = try #require(try store.open())
        try store.forget(open.id)
        #expect(try store.open() == open)
    }

    @Test("names without number fill neither an interval nor a day, and no byte is lost")
    func boundedKeys() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        let many = (0..<1_000).map { Self.record(.read, ["r\($0)"], interface: "if\($0 % 50)", identity: "d\($0)") }
        try store.add(many, at: Self.noon)
        let interval = try #require(try store.freeze())
        #expect(interval.entries.count < 200 + 20)
        #expect(interval.entries.reduce(0) { $0 + $1.sentByteCount } == 100_000)
        #expect(interval.entries.contains { $0.identity == UsageStore.other && $0.resources == [UsageStore.other] })
        let days = try store.days()
        #expect(days.count < 32 + 20)
        #expect(days.reduce(0) { $0 + $1.receivedByteCount } == 50_000)
    }

    @Test("a day is the believed clock's; what was counted in doubt moves to the day on which it is believed again")
    func days() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        try store.add([Self.record()], at: nil)
        #expect(try store.days().map(\.day.number) == [0])
        try store.add([Self.record()], at: Self.noon)
        try store.add([Self.record()], at: nil)
        #expect(try store.days().map(\.day.number) == [0, Self.noon / 86_400])
        try store.add([Self.record()], at: Self.noon + 1)
        let days = try store.days()
        #expect(days.map { "\($0.day)" } == ["2026-11-22"] && days.map(\.count) == [4])
        // A week without a clock, after a reboot: not the bytes of the last day before.
        try store.add([Self.record(interface: "ppp0")], at: nil)
        #expect(try store.days().map(\.count) == [1, 4])
        try store.add([Self.record(interface: "ppp0")], at: Self.noon + 86_400)
        #expect(try store.days().map(\.count) == [4, 2])
        try store.add([Self.record()], at: Self.noon + 10 * 86_400)
        #expect(
            try store.days().map { "\($0.day) \($0.interface)" } == [
                "2026-11-22 eth0", "2026-11-23 ppp0", "2026-12-02 eth0",
            ])
        #expect(try store.days(from: UsageDay(unixSeconds: Self.noon + 86_400)).count == 2)
        let months = try store.months()
        #expect(
            months.map { "\($0.day) \($0.interface) \($0.count)" } == [
                "2026-11-01 eth0 4", "2026-11-01 ppp0 2", "2026-12-01 eth0 1",
            ])
    }

    @Test("the newest 400 days are kept, also after a clock that was years ahead")
    func oldDays() throws {
        let folder = TemporaryFolder()
        let store = try UsageStore.open(stateFolder: folder.path)
        for day in 0..<410 { try store.add([Self.record()], at: Self.noon + Int64(day) * 86_400) }
        try store.add([Self.record()], at: Self.noon + 9_000 * 86_400)
        try store.add([Self.record()], at: Self.noon + 410 * 86_400)
        let days = try store.days()
        #expect(days.count == 400)
        #expect(days.contains { $0.day == UsageDay(unixSeconds: Self.noon + 410 * 86_400) })
        #expect(days.contains { $0.day == UsageDay(unixSeconds: Self.noon + 20 * 86_400) })
    }

    @Test("looking writes nothing, and there is nothing to see where nothing was counted")
    func readOnly() throws {
        let folder = TemporaryFolder()
        #expect(try UsageStore.openReadOnly(stateFolder: folder.path) == nil)
        try UsageStore.open(stateFolder: folder.path).add([Self.record()], at: Self.noon)
        let file = URL(fileURLWithPath: UsageStore.path(stateFolder: folder.path))
        let before = try Data(contentsOf: file)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let store = try #require(try UsageStore.openReadOnly(stateFolder: folder.path))
        #expect(try store.open()?.entries.count == 1 && store.days().count == 1 && store.frozen() == nil)
        #expect(try Data(contentsOf: file) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == names)
    }

    @Test("a damaged file is moved aside, and counting begins anew")
    func damaged() throws {
        let folder = TemporaryFolder()
        let path = UsageStore.path(stateFolder: folder.path)
        try Data("this is no database, though it is long enough to be read as one".utf8).write(
            to: URL(fileURLWithPath: path))
        let store = try UsageStore.open(stateFolder: folder.path)
        try store.add([Self.record()], at: Self.noon)
        #expect(try store.days().count == 1)
        #expect(FileManager.default.fileExists(atPath: path + ".broken"))
    }
}
