import Documents
import Foundation
@testable import GatewayAgent
import GatewayModel
import GatewaySystem
import Synchronization
import Testing
import Wire

extension PassEnd {
    /// Of a pass that nobody interrupts.
    var result: PassResult {
        get throws {
            guard case .finished(let result) = self else { throw CloudFailure(description: "interrupted") }
            return result
        }
    }
}

/// A cloud in memory that remembers what was written, and lets a test act between two requests.
final class ScriptedCloudLink: CloudLink {
    var values: [String: String] = [:]
    /// Every write, oldest first.
    private(set) var writes: [CloudWrite] = []
    private(set) var requestCount = 0
    /// Called before a request is answered, with its number from 1.
    var before: (Int) -> Void = { _ in }
    /// Content by name, as files.
    var contents: [String: String] = [:]

    func request(
        writing: [CloudWrite], reading: [CloudResource]
    ) throws(CloudFailure) -> [CloudResource: String] {
        requestCount += 1
        before(requestCount)
        for write in writing {
            writes.append(write)
            values[write.resource.rawValue] = write.text
        }
        return Dictionary(
            uniqueKeysWithValues: reading.compactMap { resource in values[resource.rawValue].map { (resource, $0) } })
    }

    var place: String { "a cloud in memory" }
    /// What polls answer, by resource; nil where the value is given out whole and without a time.
    var readings: [String: (_ since: String?) -> CloudReading] = [:]
    /// Every poll's `since`, oldest first.
    private(set) var polls: [String?] = []

    func poll(_ resource: CloudResource, since: String?) throws(CloudFailure) -> CloudReading {
        requestCount += 1
        before(requestCount)
        polls.append(since)
        return readings[resource.rawValue]?(since) ?? CloudReading(text: values[resource.rawValue] ?? "")
    }

    func contentFacts(_ name: String, downloadedTo path: String) throws(CloudFailure) -> ContentFacts? {
        contents[name].flatMap(FileTree.byteCount(ofFile:)).map { ContentFacts(byteCount: $0) }
    }

    func download(
        _ name: String, into path: String, configure: (inout DownloadRequest) -> Void,
        events: @escaping (DownloadEvent) -> Void
    ) throws(CloudFailure) -> DownloadOutcome {
        guard let file = contents[name] else {
            throw CloudFailure(kind: .wrongContent, description: "no content \(name)")
        }
        var request = DownloadRequest(.file(path: file))
        configure(&request)
        do throws(TransferError) {
            return try Downloader(HTTPTransfer(TransferConfiguration())).download(request, into: path, events: events)
        } catch {
            throw CloudFailure(error)
        }
    }

    func written(_ resource: String) -> [String] { writes.filter { $0.resource.rawValue == resource }.map(\.text) }
}

@Suite("What a pass and the cloud tell each other") struct ReportsTests {
    /// A gateway in this process: its state, a scripted cloud, and what its passes said.
    final class Gateway {
        let scratch: ScratchGateway
        let cloud = ScriptedCloudLink()
        let context: GatewayContext
        let state: LockedState
        let told = Lock<[String]>([])

        init(clock: @escaping @Sendable () -> WallTime = WallTime.now) throws {
            scratch = try ScratchGateway()
            context = GatewayContext(
                folders: scratch.folders, configuration: GatewayConfiguration(layers: []), clock: clock)
            state = try LockedState(context: context, purpose: "a test")
        }

        func pass() throws -> PassResult {
            let sink = Sink()
            let reconciler = Reconciler(
                context: context, journal: state.journal, services: nil, cloud: cloud
            ) { event in
                if case .problem(let text) = event { sink.lines.withLock { $0.append(text) } }
            }
            let result = try reconciler.run(PassOptions()).result
            told.withLock { $0 = sink.lines.withLock { $0 } }
            return result
        }

        /// A package whose installer is this script, in the cloud's content area.
        func upload(_ name: String, installer: String = "exit 0") throws {
            let folder = scratch.root.appending(path: "package").path
            try scratch.write("#!/bin/sh\n\(installer)\n", to: folder + "/install.sh")
            let file = scratch.root.appending(path: name).path
            try TarWriter.write(
                [.init(path: "install.sh", content: .file(folder + "/install.sh"), mode: 0o755)], to: file,
                compression: .gzip)
            cloud.contents[name] = file
        }
    }

    final class Sink: Sendable { let lines = Lock<[String]>([]) }

    private func install(_ names: String...) -> String {
        "{\"install\":[" + names.map { "{\"name\":\"\($0)\"}" }.joined(separator: ",") + "]}"
    }

    @Test("a command that is written between look and clear is not wiped: it is taken and cleared itself")
    func race() throws {
        let gateway = try Gateway()
        try gateway.upload("one.v1.tar.gz")
        try gateway.upload("two.v1.tar.gz")
        let (first, second) = (install("one.v1.tar.gz"), install("two.v1.tar.gz"))
        gateway.cloud.values["engine_fetch"] = first
        var wiped: [String] = []
        gateway.cloud.before = { [cloud = gateway.cloud] number in
            // Request 1 took the first; request 2 looks whether it still stands there.
            if number == 2 { cloud.values["engine_fetch"] = second }
            wiped.append(cloud.values["engine_fetch"] ?? "")
        }
        #expect(try gateway.pass().exit == .success)
        #expect(gateway.cloud.values["engine_fetch"] == "")
        #expect(gateway.cloud.written("engine_fetch") == [""])
        // What stood there at the one clearing write, request 4: the second, which had been taken by then.
        #expect(wiped.prefix(4) == [first, second, second, second])
        #expect(try gateway.state.journal.apps().keys.map(\.text).sorted() == ["one", "two"])
    }

    @Test("a clear never rides in the write-and-read that takes commands")
    func clearIsAlone() throws {
        let gateway = try Gateway()
        try gateway.upload("one.v1.tar.gz")
        gateway.cloud.values["engine_fetch"] = install("one.v1.tar.gz")
        gateway.cloud.values["update_interval"] = "60"
        var lengths: [Int] = []
        var seen = 0
        gateway.cloud.before = { [cloud = gateway.cloud] _ in
            lengths.append(cloud.writes.count - seen)
            seen = cloud.writes.count
        }
        #expect(try gateway.pass().exit == .success)
        for resource in [CloudResource.engineFetch, .updateInterval] {
            let index = try #require(gateway.cloud.writes.firstIndex { $0.resource == resource })
            #expect(gateway.cloud.writes[index].text.isEmpty)
            // It was the only write of its request.
            var start = 0
            let request = try #require(
                lengths.dropFirst().first { length in
                    defer { start += length }
                    return (start..<start + length).contains(index)
                })
            #expect(request == 1)
        }
    }

    @Test("a command is in the journal before it is cleared")
    func journalFirst() throws {
        let gateway = try Gateway()
        try gateway.upload("one.v1.tar.gz")
        let text = install("one.v1.tar.gz")
        gateway.cloud.values["engine_fetch"] = text
        var journaled: [Bool] = []
        let journal = gateway.state.journal
        gateway.cloud.before = { _ in
            let known = (try? journal.unclearedCommands(resource: .engineFetch)) ?? []
            journaled.append(known.map(\.text) == [text])
        }
        _ = try gateway.pass()
        // Request 1 reads it; 2 looks again, 3 clears: it is durable by then, and one command until 3 is answered.
        #expect(journaled.prefix(3) == [false, true, true])
        #expect(try journal.unclearedCommands(resource: .engineFetch).isEmpty)
    }

    @Test("an idle pass is one request, and writes nothing into the journal")
    func idle() throws {
        let gateway = try Gateway()
        try gateway.upload("one.v1.tar.gz")
        gateway.cloud.values["engine_fetch"] = install("one.v1.tar.gz")
        _ = try gateway.pass()
        _ = try gateway.pass()
        let requests = gateway.cloud.requestCount
        let reports = gateway.cloud.written("engine_report").count
        let changes = try gateway.state.journal.read("SELECT total_changes()").first?[0].int
        #expect(try gateway.pass().exit == .success)
        #expect(gateway.cloud.requestCount == requests + 1)
        #expect(gateway.cloud.written("engine_report").count == reports)
        let sentInfo = gateway.cloud.written("device_info").count > 1
        if !sentInfo { #expect(try gateway.state.journal.read("SELECT total_changes()").first?[0].int == changes) }
    }

    @Test("otau_in tells INIT, DOWNLOAD, INSTALL and the end, each once")
    func otau() throws {
        let gateway = try Gateway()
        try gateway.upload("tool.v4.tar.gz")
        gateway.cloud.values["config_otau"] = #"{"version":"7","name":"tool","type":"FILE","payload":"tool.v4.tar.gz"}"#
        #expect(try gateway.pass().exit == .success)
        let all = ["INIT", "DOWNLOAD", "INSTALL", "INSTALL_SUCCESS"].map { #"{"version":"7","status":"\#($0)"}"# }
        #expect(gateway.cloud.written("otau_in") == all)
        for _ in 0..<3 { _ = try gateway.pass() }
        #expect(gateway.cloud.written("otau_in") == all)
        #expect(gateway.cloud.written("config_otau").isEmpty)
        // Later drift and repair are not about this update.
        #expect(try OtauProgress(journal: gateway.state.journal) == nil)
    }

    @Test("otau_in tells of an installer that failed, and of the success of a later attempt")
    func otauFailure() throws {
        let gateway = try Gateway()
        try gateway.upload("tool.v4.tar.gz", installer: "test -e \"$GWE_DATA_DIR/ready\" || exit 9")
        gateway.cloud.values["config_otau"] = #"{"version":"7","name":"tool","type":"FILE","payload":"tool.v4.tar.gz"}"#
        #expect(try gateway.pass().exit == .failure)
        let last = try #require(gateway.cloud.written("otau_in").last)
        #expect(last.contains("INSTALL_ERROR") && last.contains("exit code 9"))
        try gateway.scratch.write("", to: gateway.scratch.folders.stateFolder + "/data/tool/ready")
        #expect(try gateway.pass().exit == .success)
        #expect(gateway.cloud.written("otau_in").last == #"{"version":"7","status":"INSTALL_SUCCESS"}"#)
    }

    @Test("rejected input is told in the same pass, once")
    func rejected() throws {
        let gateway = try Gateway()
        gateway.cloud.values["engine_fetch"] = "{\"instal\":[]}"
        #expect(try gateway.pass().exit == .badInput)
        #expect(gateway.told.withLock { $0 }.count == 1)
        #expect(gateway.cloud.written("fetch_status").count == 1)
        #expect(gateway.cloud.written("fetch_status").last?.contains("\"engine_fetch\"") == true)
        #expect(try gateway.pass().exit == .badInput)
        #expect(gateway.told.withLock { $0 }.isEmpty)
        #expect(gateway.cloud.written("fetch_status").count == 1)
        #expect(gateway.cloud.written("engine_fetch").isEmpty)
        gateway.cloud.values["engine_fetch"] = "{\"instal\":[1]}"
        _ = try gateway.pass()
        #expect(gateway.told.withLock { $0 }.count == 1, "another text is news")
    }

    /// `engine_report` of one app in this state.
    static func report(_ state: String, uptime: String) throws -> EngineReport {
        let row: JSONValue = [
            "exitstatus": 0, "status": .string(state), "uptime": .string(uptime), "version": "1", "desired": "1",
            "sync": "synced", "health": "healthy", "digest": "",
        ]
        return try EngineReport(json: ["apps": [["web": row]], "generation": .null, "drift": 0, "agent": "a"])
    }

    @Test("a report is due when it changed, after a day, and when the clock was set back; its uptime is no change")
    func due() throws {
        let gateway = try Gateway()
        let status = GatewayStatus(
            desired: DesiredState(), observed: ObservedState(), plan: Plan(), services: nil, problems: [])
        var reports = try Reports(
            context: gateway.context, journal: gateway.state.journal, status: status, generation: nil)
        reports.fetchStatus = FetchStatus()
        let now = WallTime(milliseconds: 1_793_500_000_000)
        reports.engineReport = try ReportsTests.report("RUNNING", uptime: "1:00:00")
        var sent = [
            CloudResource.engineReport: SentReport(
                text: try ReportsTests.report("RUNNING", uptime: "0:00:01").jsonText(), at: now),
            CloudResource.deviceInfo: SentReport(text: reports.deviceInfo.jsonText(), at: now),
        ]
        #expect(reports.due(sent: sent, now: now).isEmpty)
        #expect(reports.due(sent: sent, now: now.advanced(by: .seconds(86_399))).isEmpty)
        #expect(reports.due(sent: sent, now: now.advanced(by: .seconds(86_400))).count == 2)
        #expect(reports.due(sent: sent, now: now.advanced(by: .seconds(-1))).count == 2)
        sent[.engineReport]?.text = try ReportsTests.report("STOPPED", uptime: "0:00:01").jsonText()
        #expect(reports.due(sent: sent, now: now).map(\.resource) == [.engineReport])
        #expect(reports.due(sent: [:], now: now).map(\.resource) == [.engineReport, .deviceInfo])
    }
}
