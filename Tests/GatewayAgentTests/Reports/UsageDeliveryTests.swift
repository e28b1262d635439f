import DeviceClient
import Documents
import Foundation
@testable import GatewayAgent
import GatewayModel
import GatewaySystem
import Synchronization
import Testing
import Wire

/// An interval is frozen, sent unchanged until it is acknowledged, then forgotten (D8).
@Suite("usage_report on its way") struct UsageDeliveryTests {
    /// A cloud that may take a request and lose the answer.
    private final class LossyLink: CloudLink {
        let inner = ScriptedCloudLink()
        /// The requests that do not arrive, and those whose answer does not, by number from 1.
        var lost: Set<Int> = []
        var unanswered: Set<Int> = []
        /// Whether the cloud refuses a request for these resources.
        var refuses: ([String]) -> Bool = { _ in false }
        private(set) var count = 0

        func request(
            writing: [CloudWrite], reading: [CloudResource]
        ) throws(CloudFailure) -> [CloudResource: String] {
            count += 1
            if refuses((writing.map(\.resource) + reading).map(\.rawValue)) {
                var failure = CloudFailure(description: "HTTP 413")
                failure.trouble = .refused
                throw failure
            }
            if lost.contains(count) { throw CloudFailure(description: "cut") }
            let values = try inner.request(writing: writing, reading: reading)
            if unanswered.contains(count) { throw CloudFailure(description: "no answer") }
            return values
        }

        var place: String { inner.place }

        func poll(_ resource: CloudResource, since: String?) throws(CloudFailure) -> CloudReading {
            try inner.poll(resource, since: since)
        }

        func contentFacts(_ name: String, downloadedTo path: String) throws(CloudFailure) -> ContentFacts? { nil }

        func download(
            _ name: String, into path: String, configure: (inout DownloadRequest) -> Void,
            events: @escaping (DownloadEvent) -> Void
        ) throws(CloudFailure) -> DownloadOutcome { throw CloudFailure(description: "nothing here") }

        var reports: [String] { inner.written("usage_report") }
    }

    private final class Gateway {
        let scratch: ScratchGateway
        let link = LossyLink()
        let context: GatewayContext
        let state: LockedState
        let store: UsageStore
        let now = Now()

        final class Now: Sendable { let time = Lock(WallTime(milliseconds: 1_793_500_000_000)) }

        static let identity = "gw-7"

        init() throws {
            scratch = try ScratchGateway()
            try scratch.write("schema: gwe/v1\nidentity: \(Gateway.identity)\n", to: scratch.folders.gatewayFile)
            context = GatewayContext(folders: scratch.folders, configuration: try scratch.load()) { [now] in
                now.time.withLock { $0 }
            }
            state = try LockedState(context: context, purpose: "a test")
            store = try UsageStore.open(stateFolder: scratch.folders.stateFolder)
        }

        @discardableResult func pass() throws -> PassResult {
            let reconciler = Reconciler(
                context: context, journal: state.journal, services: nil, cloud: link, emit: { _ in })
            return try reconciler.run(PassOptions()).result
        }

        func count(
            _ method: UsageRecord.Method = .write, _ resources: [String] = ["temperature"], sent: Int64 = 100,
            identity: String = identity
        ) throws {
            let record = UsageRecord(
                interface: "eth0", identity: identity, method: method, resources: resources, sentByteCount: sent)
            try store.add([record], at: 1_793_500_000)
        }

        /// As a restart after a crash: the interval that was sent is there again, or still.
        func isForgotten() throws -> Bool { try store.frozen() == nil }
    }

    /// The bytes sent for all identities in a report.
    private func sum(_ text: String?) throws -> Int64 {
        let report = try JSON.parse(Array(try #require(text).utf8), source: "usage_report").json
        return (report["eth0"]?.members ?? []).reduce(0) { total, identity in
            (identity.1.members ?? []).reduce(total) { $0 + ($1.1["tot_tx"]?.int ?? 0) }
        }
    }

    @Test("what was counted goes out with the next pass's one request, once")
    func once() throws {
        let gateway = try Gateway()
        try gateway.count()
        try gateway.pass()
        #expect(gateway.link.count == 1)
        #expect(gateway.link.reports.count == 1)
        #expect(try sum(gateway.link.reports.last) == 100)
        #expect(try gateway.isForgotten())
        try gateway.pass()
        #expect(gateway.link.reports.count == 1)
    }

    @Test("an interval whose answer was lost is not sent again when the cloud says that it has it")
    func answerLost() throws {
        let gateway = try Gateway()
        try gateway.count()
        gateway.link.unanswered = [1]
        try gateway.pass()
        #expect(try !gateway.isForgotten())
        try gateway.count(sent: 7)
        try gateway.pass()
        #expect(gateway.link.count == 2, "asking is part of the one request")
        #expect(gateway.link.reports.count == 1)
        #expect(try gateway.isForgotten())
        try gateway.pass()
        #expect(try gateway.link.reports.map { try sum($0) } == [100, 7])
    }

    @Test("an interval that did not arrive is sent again, unchanged, and what was counted meanwhile follows")
    func requestLost() throws {
        let gateway = try Gateway()
        try gateway.count()
        gateway.link.lost = [1, 2]
        try gateway.pass()
        try gateway.count(sent: 7)
        try gateway.pass()
        try gateway.count(sent: 5)
        try gateway.pass()
        #expect(try gateway.link.reports.map { try sum($0) } == [100])
        try gateway.pass()
        #expect(try gateway.link.reports.map { try sum($0) } == [100, 12])
    }

    @Test("two intervals with the same text, the second of which may have arrived: it is sent again, and not lost")
    func sameText() throws {
        let gateway = try Gateway()
        try gateway.count()
        try gateway.pass()
        try gateway.count()
        gateway.link.lost = [2]
        try gateway.pass()
        try gateway.pass()
        #expect(gateway.link.reports.count == 2)
        #expect(gateway.link.reports[0] == gateway.link.reports[1])
        #expect(try gateway.isForgotten())
    }

    @Test("a crash between acknowledgement and forgetting sends nothing again")
    func crashBeforeForgetting() throws {
        let gateway = try Gateway()
        try gateway.count()
        let frozen = try #require(try gateway.store.freeze())
        let text = UsageReport(frozen.entries).jsonText()
        // What a kill at usage.acknowledged leaves.
        gateway.link.inner.values["usage_report"] = "another report, since"
        try gateway.state.journal.markSent(
            [CloudWrite(.usageReport, text)], noting: [UsageDelivery.acknowledgedKey: "\(frozen.id)"])
        try gateway.pass()
        #expect(gateway.link.reports.isEmpty)
        #expect(try gateway.isForgotten())
    }

    @Test("the agent's own loop alone is no reason to send, until a day is over; then it is told too")
    func quiet() throws {
        let gateway = try Gateway()
        try gateway.count()
        try gateway.pass()
        let inputs = CloudResource.inputs.map(\.rawValue)
        try gateway.count(.readWrite, ["engine_report", "device_info"] + inputs)
        try gateway.count(.read, inputs)
        try gateway.count(.longPoll, ["engine_fetch"])
        try gateway.count(.write, ["engine_report", "usage_report"])
        try gateway.pass()
        #expect(gateway.link.reports.count == 1)
        gateway.now.time.withLock { $0 = $0.advanced(by: .seconds(86_400)) }
        try gateway.pass()
        #expect(try gateway.link.reports.map { try sum($0) } == [100, 400])
        gateway.now.time.withLock { $0 = $0.advanced(by: .seconds(86_400)) }
        try gateway.pass()
        #expect(gateway.link.reports.count == 2, "nothing was counted")
    }

    @Test(
        "anything else is due at the next pass",
        arguments: [
            (UsageRecord.Method.write, ["temperature"], Gateway.identity), (.read, ["engine_fetch"], Gateway.identity),
            (.getContent, ["web.v1.tar.gz"], Gateway.identity), (.contentInfo, ["engine_fetch"], Gateway.identity),
            (.activate, [], Gateway.identity), (.write, ["engine_report"], "another device"),
            (.readWrite, ["engine_fetch", "mine"], Gateway.identity),
        ])
    func others(method: UsageRecord.Method, resources: [String], identity: String) throws {
        let gateway = try Gateway()
        try gateway.count()
        try gateway.pass()
        try gateway.count(method, resources, sent: 3, identity: identity)
        try gateway.pass()
        #expect(try gateway.link.reports.map { try sum($0) } == [100, 3])
    }

    @Test("a dry run, and a look at the reports, freeze nothing")
    func looking() throws {
        let gateway = try Gateway()
        try gateway.count()
        var options = PassOptions()
        options.isDryRun = true
        options.isOffline = true
        _ = LocalPass.reconcile(gateway.context, options, emit: { _ in })
        let shown = try ReportCall.preview(gateway.context).json
        #expect(shown.members?.map(\.0) == ["engine_report", "fetch_status", "device_info", "usage_report"])
        #expect(try sum(shown["usage_report"]?.text()) == 100)
        #expect(try gateway.isForgotten())
    }

    @Test("gwe report sends all four at once, due or not, and what was counted only once")
    func allNow() throws {
        let gateway = try Gateway()
        try gateway.count(.read, CloudResource.inputs.map(\.rawValue))
        for _ in 0..<2 {
            let (exit, message) = try ReportCall.send(gateway.context, gateway.state.journal, nil, gateway.link)
            #expect(exit == .success, "\(message)")
        }
        #expect(gateway.link.count == 2)
        #expect(gateway.link.inner.written("engine_report").count == 2)
        #expect(gateway.link.inner.written("fetch_status").count == 2)
        #expect(try gateway.link.reports.map { try sum($0) } == [100])
    }

    @Test("gwe report does not blame the cloud for a journal that cannot note what was sent")
    func cannotNote() throws {
        let gateway = try Gateway()
        let journal = gateway.state.journal
        gateway.link.inner.before = { _ in
            try? journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
                try c.execute("DROP TABLE sent_report")
            }
        }
        let error = try #require(throws: JournalError.self) {
            _ = try ReportCall.send(gateway.context, journal, nil, gateway.link)
        }
        #expect(error.exit == .inputOutputError && error.description.contains("sent_report"), "\(error)")
        #expect(gateway.link.inner.written("engine_report").count == 1)
    }

    @Test("a usage.db that cannot be read costs the report, not the pass")
    func damaged() throws {
        let gateway = try Gateway()
        try FileManager.default.removeItem(atPath: gateway.scratch.folders.usageFile)
        try FileManager.default.createDirectory(
            atPath: gateway.scratch.folders.usageFile, withIntermediateDirectories: false)
        #expect(try gateway.pass().exit == .success)
        #expect(gateway.link.inner.written("engine_report").count == 1)
        #expect(gateway.link.reports.isEmpty)
    }

    @Test("a report that the cloud refuses costs neither the pass nor the other reports, and waits a day")
    func refused() throws {
        let gateway = try Gateway()
        try gateway.count()
        gateway.link.refuses = { $0.contains("usage_report") }
        gateway.link.inner.values["update_interval"] = "77"
        #expect(try gateway.pass().exit == .success)
        #expect(gateway.link.inner.written("engine_report").count == 1, "the same request without it")
        #expect(gateway.link.inner.written("update_interval") == [""], "and commands come in")
        #expect(try !gateway.isForgotten())
        let count = gateway.link.count
        try gateway.count(sent: 7)
        try gateway.pass()
        #expect(gateway.link.count == count + 1, "it is left alone")
        for _ in 0..<2 {
            gateway.now.time.withLock { $0 = $0.advanced(by: .seconds(86_401)) }
            #expect(try gateway.pass().exit == .success)
        }
        #expect(gateway.link.reports.isEmpty)
        gateway.link.refuses = { _ in false }
        gateway.now.time.withLock { $0 = $0.advanced(by: .seconds(86_401)) }
        try gateway.pass()
        try gateway.pass()
        #expect(try gateway.link.reports.map { try sum($0) } == [100, 7], "nothing is lost")
        #expect(try gateway.state.journal.value(UsageDelivery.refusedKey) == nil)
    }

    @Test("a refusal that is not the report's fault leaves it as it is")
    func refusedAnyway() throws {
        let gateway = try Gateway()
        try gateway.count()
        gateway.link.refuses = { _ in true }
        try gateway.pass()
        #expect(gateway.link.count == 2)
        #expect(try gateway.state.journal.value(UsageDelivery.refusedKey) == nil)
        gateway.link.refuses = { _ in false }
        try gateway.pass()
        #expect(try gateway.link.reports.map { try sum($0) } == [100])
    }
}
