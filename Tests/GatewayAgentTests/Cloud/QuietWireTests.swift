import Documents
import Foundation
@testable import GatewayAgent
import GatewayModel
import GatewaySystem
import Synchronization
import Testing
import Wire

@Suite("A quiet wire") struct QuietWireTests {
    /// A clock that a test sets.
    final class VirtualClock: Sendable {
        let now = Lock(WallTime(milliseconds: 1_795_000_000_000))
        func pass(_ duration: Duration) { now.withLock { $0 = $0.advanced(by: duration) } }
        var read: @Sendable () -> WallTime { { self.now.withLock { $0 } } }
    }

    /// A cloud whose polls answer by the second, as the documents say, and no better.
    final class StrictPolls {
        var text = ""
        var writtenAt: Int64 = 1_000_000
        var now: Int64 = 1_000_000
        /// How many times the value went over the wire.
        var readCount = 0

        func write(_ text: String, at second: Int64) {
            self.text = text
            writtenAt = second
            now = max(now, second)
        }

        func answer(_ since: String?) -> CloudReading {
            let seconds = since.map { HTTPDate.unixSeconds($0) ?? Int64($0) ?? 0 } ?? 0
            guard writtenAt > seconds else { return CloudReading(text: nil) }
            readCount += 1
            return CloudReading(
                text: text, lastModified: HTTPDate.text(unixSeconds: writtenAt), isSettled: now >= writtenAt + 2)
        }
    }

    private func gateway(_ clock: VirtualClock = VirtualClock()) throws -> (ReportsTests.Gateway, StrictPolls) {
        let gateway = try ReportsTests.Gateway(clock: clock.read)
        let polls = StrictPolls()
        gateway.cloud.readings["engine_fetch"] = { [polls] in polls.answer($0) }
        return (gateway, polls)
    }

    private func write(_ text: String, at second: Int64, _ gateway: ReportsTests.Gateway, _ polls: StrictPolls) {
        gateway.cloud.values["engine_fetch"] = text
        polls.write(text, at: second)
    }

    /// A manifest of about that many bytes that wants nothing.
    private func manifest(_ name: String, byteCount: Int = 5_000) -> String {
        "schema: gwe/v1\napps: {}\n# \(name) " + String(repeating: "x", count: byteCount)
    }

    private func generation(_ gateway: ReportsTests.Gateway) throws -> String? {
        try gateway.state.journal.layer(.cloud)?.digest
    }

    // MARK: reports

    @Test("a second loop sends no report, the first loop after a day each of them, in its one request")
    func daily() throws {
        let clock = VirtualClock()
        let gateway = try ReportsTests.Gateway(clock: clock.read)
        gateway.cloud.values["engine_fetch"] = ""
        _ = try gateway.pass()
        let reports = { ["engine_report", "device_info"].map { gateway.cloud.written($0).count } }
        #expect(reports() == [1, 1])
        var requests = gateway.cloud.requestCount
        for loop in 1...6 {
            clock.pass(.seconds(14_400))
            _ = try gateway.pass()
            #expect(gateway.cloud.requestCount == requests + loop, "one request a loop")
            // device_info is this machine's, whose memory and disks others use too.
            #expect(gateway.cloud.written("engine_report").count == (loop == 6 ? 2 : 1))
        }
        #expect(gateway.cloud.written("device_info").count >= 2)
        requests = gateway.cloud.requestCount
        _ = try gateway.pass()
        #expect(gateway.cloud.requestCount == requests + 1)
        #expect(gateway.cloud.written("engine_report").count == 2)
    }

    private func report(_ state: String, uptime: String) throws -> EngineReport {
        try ReportsTests.report(state, uptime: uptime)
    }

    private func fetchStatus(_ state: FetchState.Name) -> FetchStatus {
        FetchStatus([("web.v1.tar.gz", FetchState(state: state, info: "", name: "web", version: "1"))])
    }

    /// `device_info` of a machine with this use of its disk and memory, in percent.
    private func info(disk: Int64 = 40, memory: Int64 = 40, uptime: Int64 = 10, kernel: String = "6.1")
        -> DeviceInfoReport
    {
        var info = DeviceInfo()
        info.name.release = kernel
        info.fileSystems = [
            .init(
                device: "/dev/mmcblk0p2", mountPoint: "/", type: "ext4", total: 100 << 20, used: disk << 20,
                available: (100 - disk) << 20)
        ]
        info.memory = .init()
        info.memory?.total = 100 << 20
        info.memory?.available = (100 - memory) << 20
        info.uptime = .seconds(uptime)
        info.date = "Sun Nov 22 21:00:0\(uptime % 10) UTC 2026"
        info.loadAverages = [Double(uptime), 0, 0]
        info.temperatures = ["cpu": Double(uptime)]
        return info.report
    }

    @Test("each report goes out when it changed, alone")
    func alone() throws {
        let gateway = try ReportsTests.Gateway()
        let status = GatewayStatus(
            desired: DesiredState(), observed: ObservedState(), plan: Plan(), services: nil, problems: [])
        var reports = try Reports(
            context: gateway.context, journal: gateway.state.journal, status: status, generation: nil)
        let now = WallTime(milliseconds: 1_795_000_000_000)
        let state = fetchStatus(.installSuccess)
        let sent = [
            CloudResource.engineReport: SentReport(text: try report("RUNNING", uptime: "0:00:01").jsonText(), at: now),
            CloudResource.deviceInfo: SentReport(text: info().jsonText(), at: now),
            CloudResource.fetchStatus: SentReport(text: state.jsonText(), at: now),
        ]
        func due(_ engine: EngineReport, _ device: DeviceInfoReport, _ fetch: FetchStatus) -> [String] {
            reports.engineReport = engine
            reports.deviceInfo = device
            reports.fetchStatus = fetch
            return reports.due(sent: sent, now: now.advanced(by: .seconds(14_400))).map(\.resource.rawValue)
        }
        let engine = try report("RUNNING", uptime: "4:00:01")
        let later = info(uptime: 14_411)
        #expect(due(engine, later, state).isEmpty, "uptime, date, load and temperature are no change")
        #expect(try due(report("EXITED", uptime: "0:00:01"), later, state) == ["engine_report"])
        #expect(due(engine, info(kernel: "6.2"), state) == ["device_info"])
        #expect(due(engine, info(disk: 45), state).isEmpty)
        #expect(due(engine, info(disk: 46), state) == ["device_info"])
        #expect(due(engine, info(memory: 34), state) == ["device_info"])
        #expect(due(engine, later, fetchStatus(.installError)) == ["fetch_status"])
        #expect(due(engine, later, FetchStatus()) == ["fetch_status"])
    }

    @Test("a disk that fills slowly is told once per 5 %, not at each loop: what was last sent counts")
    func creep() throws {
        let gateway = try ReportsTests.Gateway()
        let status = GatewayStatus(
            desired: DesiredState(), observed: ObservedState(), plan: Plan(), services: nil, problems: [])
        var reports = try Reports(
            context: gateway.context, journal: gateway.state.journal, status: status, generation: nil)
        reports.engineReport = try report("RUNNING", uptime: "0:00:01")
        reports.fetchStatus = FetchStatus()
        let now = WallTime(milliseconds: 1_795_000_000_000)
        var sent = [
            CloudResource.engineReport: SentReport(text: reports.engineReport.jsonText(), at: now),
            CloudResource.deviceInfo: SentReport(text: info(disk: 10).jsonText(), at: now),
        ]
        var told: [Int64] = []
        for disk in Int64(11)...60 {
            reports.deviceInfo = info(disk: disk)
            for report in reports.due(sent: sent, now: now) {
                #expect(report.resource == .deviceInfo)
                sent[.deviceInfo] = SentReport(text: report.text, at: now)
                told.append(disk)
            }
        }
        #expect(told == [16, 22, 28, 34, 40, 46, 52, 58])
    }

    // MARK: a manifest that stays

    @Test("a long manifest that stays is read whole until its second is over, and then not at all")
    func standing() throws {
        let (gateway, polls) = try gateway()
        write(manifest("web"), at: 1_000_000, gateway, polls)
        _ = try gateway.pass()
        #expect(try generation(gateway) == SHA256.hex(of: manifest("web").utf8))
        #expect(gateway.cloud.polls.isEmpty)
        _ = try gateway.pass()
        #expect(polls.readCount == 1, "the second of its writing is not over: it is given out, and nothing is kept")
        polls.now += 5
        _ = try gateway.pass()
        #expect(polls.readCount == 2)
        let changes = try gateway.state.journal.read("SELECT total_changes()").first?[0].int
        let sent = gateway.cloud.writes.count
        for _ in 0..<3 {
            let requests = gateway.cloud.requestCount
            #expect(try gateway.pass().exit == .success)
            #expect(gateway.cloud.requestCount == requests + 2)
        }
        #expect(polls.readCount == 2)
        #expect(gateway.cloud.polls.suffix(3) == Array(repeating: HTTPDate.text(unixSeconds: 1_000_000), count: 3)[...])
        if gateway.cloud.writes.count == sent {
            #expect(try gateway.state.journal.read("SELECT total_changes()").first?[0].int == changes)
        }
    }

    @Test("a newer manifest of the same second is not missed, whatever was read before", arguments: [0, 1, 2, 5])
    func sameSecond(passes: Int) throws {
        let (gateway, polls) = try gateway()
        write(manifest("web"), at: 1_000_000, gateway, polls)
        for _ in 0..<passes { _ = try gateway.pass() }
        write(manifest("api"), at: 1_000_000, gateway, polls)
        _ = try gateway.pass()
        #expect(try generation(gateway) == SHA256.hex(of: manifest("api").utf8))
    }

    @Test("commands, another manifest, bad input and an empty value are seen behind a manifest that stayed")
    func behind() throws {
        let (gateway, polls) = try gateway()
        func settle() throws {
            polls.now += 5
            for _ in 0..<3 { _ = try gateway.pass() }
            let count = polls.readCount
            _ = try gateway.pass()
            #expect(polls.readCount == count, "the manifest stands, and is not read")
        }
        write(manifest("web"), at: 1_000_000, gateway, polls)
        try settle()
        write(manifest("api"), at: 1_000_100, gateway, polls)
        _ = try gateway.pass()
        #expect(try generation(gateway) == SHA256.hex(of: manifest("api").utf8))
        try settle()

        write("just words", at: 1_000_200, gateway, polls)
        for _ in 0..<3 { #expect(try gateway.pass().exit == .badInput, "and it stays wrong") }
        write(manifest("api"), at: 1_000_300, gateway, polls)
        #expect(try gateway.pass().exit == .success)
        try settle()

        try gateway.upload("one.v1.tar.gz")
        write(#"{"install":[{"name":"one.v1.tar.gz"}]}"#, at: 1_000_400, gateway, polls)
        #expect(try gateway.pass().exit == .success)
        #expect(try gateway.state.journal.apps().keys.map(\.text) == ["one"])
        #expect(gateway.cloud.values["engine_fetch"] == "")
        #expect(try gateway.state.journal.value(StandingManifest.key) == nil)

        write(manifest("web"), at: 1_000_500, gateway, polls)
        _ = try gateway.pass()
        try settle()
        write("", at: 1_000_600, gateway, polls)
        _ = try gateway.pass()
        #expect(try gateway.state.journal.cloudMemory()[.engineFetch].taken == nil)
        let (requests, asked) = (gateway.cloud.requestCount, gateway.cloud.polls.count)
        _ = try gateway.pass()
        #expect(gateway.cloud.requestCount == requests + 1 && gateway.cloud.polls.count == asked)
    }

    @Test("after a week, for another cloud, and after the clock was set back the manifest is read whole again")
    func distrust() {
        let read = WallTime(milliseconds: 1_795_000_000_000)
        let standing = StandingManifest(digest: "d", place: "p", since: "then", readAt: read)
        #expect(StandingManifest(standing.text) == standing)
        #expect(standing.since(place: "p", digest: "d", now: read) == "then")
        #expect(standing.since(place: "p", digest: "d", now: read.advanced(by: .seconds(604_799))) == "then")
        #expect(standing.since(place: "p", digest: "d", now: read.advanced(by: .seconds(604_800))) == nil)
        #expect(standing.since(place: "p", digest: "d", now: read.advanced(by: .seconds(-1))) == nil)
        #expect(standing.since(place: "q", digest: "d", now: read) == nil)
        #expect(standing.since(place: "p", digest: "e", now: read) == nil)
        #expect(standing.since(place: "p", digest: nil, now: read) == nil)
    }

    @Test("a short manifest costs less than the request that would spare it: one request a loop")
    func short() throws {
        let (gateway, polls) = try gateway()
        write(manifest("web", byteCount: 100), at: 1_000_000, gateway, polls)
        for _ in 0..<4 { _ = try gateway.pass() }
        #expect(gateway.cloud.polls.isEmpty)
    }
}
