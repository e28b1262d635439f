import DeviceClient
import Documents
import Foundation
@testable import GatewayAgent
import GatewayModel
import TestSupport
import Testing
import Wire

@Suite("usage_report") struct UsageReportTests {
    private static let identity = "02:42:AC:11:00:02"

    private func record(
        _ method: UsageRecord.Method, _ resources: [String], sent: Int64, received: Int64, seconds: Double = 0.1,
        identity: String = identity, interface: String = "eth0"
    ) -> UsageRecord {
        UsageRecord(
            interface: interface, identity: identity, method: method, resources: resources, sentByteCount: sent,
            receivedByteCount: received, sentWithHeaders: sent + 80, receivedWithHeaders: received + 80,
            duration: .seconds(seconds))
    }

    /// What a report says of these requests, by way of the file.
    private func report(_ records: [UsageRecord]) throws -> JSONValue { UsageReport(try stored(records)).json }

    private func stored(_ records: [UsageRecord]) throws -> [UsageEntry] {
        let scratch = try ScratchGateway()
        try scratch.write("", to: scratch.folders.stateFolder + "/x")
        let store = try UsageStore.open(stateFolder: scratch.folders.stateFolder)
        for record in records { try store.add([record], at: 1_793_500_000) }
        return try #require(try store.freeze()).entries
    }

    @Test("the figures that Gateway Engine's overview shows come out in its shape")
    func golden() throws {
        let report = try report([
            record(.read, ["engine_fetch"], sent: 2_647, received: 5_334, seconds: 0.66, identity: ""),
            record(.read, ["update_interval"], sent: 402, received: 194, seconds: 0.12, identity: ""),
        ])
        let golden = Repository.root + "/Tests/Goldens/reports/usage_report.json"
        #expect(report.text(indented: true) + "\n" == (try String(contentsOfFile: golden, encoding: .utf8)))
    }

    @Test("requests of one kind add up: number, sums, largest, average and longest")
    func sums() throws {
        let report = try report([
            record(.readWrite, ["a", "b"], sent: 100, received: 10, seconds: 0.24),
            record(.readWrite, ["a", "b"], sent: 50, received: 70, seconds: 1.5),
        ])
        let metrics = report["eth0"]?[UsageReportTests.identity]?["readwrite:['a', 'b']"]
        #expect(
            metrics?.text() == #"{"num":2,"type":"readwrite","tot_rx":80,"max_rx":70,"tot_tx":150,"max_tx":100,"#
                + #""rq_time_avg":0.9,"rq_time_max":1.5}"#)
    }

    @Test("the top consumer is who moved most bytes, on each interface for itself")
    func topConsumer() throws {
        let report = try report([
            record(.write, ["x"], sent: 10, received: 10, identity: "a"),
            record(.write, ["y"], sent: 10, received: 10, identity: "a"),
            record(.getContent, ["z"], sent: 1, received: 38, identity: "b"),
            record(.write, ["x"], sent: 1, received: 1, identity: "b", interface: "ppp0"),
        ])
        #expect(report.members?.map(\.0) == ["eth0", "ppp0"])
        #expect(report["eth0"]?["top_consumer"]?.string == "a")
        #expect(report["ppp0"]?["top_consumer"]?.string == "b")
    }

    /// The loop of Gateway Engine's dashboards, with JavaScript's rules: a text has keys too, its indices.
    @Test("the loop of the old dashboards finds every request, and nothing else")
    func dashboard() throws {
        let report = try report([
            record(.read, ["engine_fetch"], sent: 5, received: 7),
            record(.getContent, ["web.v1.tar.gz"], sent: 11, received: 13, identity: "other gateway"),
            record(.activate, ["provision/activate"], sent: 17, received: 19, interface: "ppp0"),
        ])
        func keys(_ value: JSONValue?) -> [String] {
            if let text = value?.string { return text.indices.enumerated().map { "\($0.offset)" } }
            return value?.members?.map(\.0) ?? []
        }
        var found: [String] = []
        for interface in keys(report) {
            for identity in keys(report[interface]) {
                for key in keys(report[interface]?[identity]) where key.count > 2 {
                    let metrics = try #require(report[interface]?[identity]?[key])
                    found.append("\(metrics["type"]?.string ?? "?") \((metrics["tot_tx"]?.int ?? 0))")
                }
            }
        }
        #expect(found == ["read 5", "get_content 11", "actvt 17"])
    }

    @Test("every method has Gateway Engine's word; those of MQTT are ours")
    func methods() {
        let words = UsageRecord.Method.allCases.map(\.rawValue)
        #expect(
            words.dropLast(2).sorted() == [
                "actvt", "content_info", "get", "get_content", "list_content", "long_poll", "post", "read", "readwrite",
                "record", "write",
            ])
    }

    @Test("a report of as many keys as are kept, with long names, stays below 64 KiB, and its lists are cut whole")
    func size() throws {
        let long = String(repeating: "n", count: 300)
        let records = (0..<250).map { number in
            record(.write, ["resource-\(number)", "\"\(long)'", long], sent: 1_000_000_000, received: 1_000_000_000)
        }
        let scratch = try ScratchGateway()
        try scratch.write("", to: scratch.folders.stateFolder + "/x")
        let store = try UsageStore.open(stateFolder: scratch.folders.stateFolder)
        try store.add(records, at: 1_793_500_000)
        let report = UsageReport(try #require(try store.freeze()).entries).json
        #expect(report.text().utf8.count < 64_000)
        let keys = report["eth0"]?[UsageReportTests.identity]?.members?.map(\.0) ?? []
        #expect(keys.contains("write:['resource-7', '...']"), "\(keys.first ?? "")")
        let sum = (report["eth0"]?.members ?? []).reduce(Int64(0)) { total, identity in
            (identity.1.members ?? []).reduce(total) { $0 + ($1.1["tot_tx"]?.int ?? 0) }
        }
        #expect(sum == 250_000_000_000)
    }

    @Test("a report that would be too long folds its smallest entries into other, and its sums stay")
    func folding() throws {
        let long = String(repeating: "é", count: 60)
        let records = (0..<190).map { number in
            record(
                .write, ["\(number)\(long)", long, long], sent: Int64(number), received: 1,
                identity: "\(number)-\(long)", interface: "eth\(number % 3)")
        }
        let report = try report(records)
        #expect(report.text().utf8.count <= UsageReport.byteLimit)
        let identities = (report.members ?? []).flatMap { $0.1.members ?? [] }
        let sums = identities.flatMap { $0.1.members ?? [] }.reduce(Int64(0)) { $0 + ($1.1["tot_tx"]?.int ?? 0) }
        #expect(sums == 190 * 189 / 2)
        #expect(identities.contains { $0.0 == "other" } && identities.contains { $0.0 == "189-\(long)" })
    }

    @Test("counts beyond all sums do not end the program")
    func saturation() throws {
        var entry = try #require(try stored([record(.write, ["a"], sent: 1, received: 1)]).first)
        entry.sentByteCount = .max
        entry.receivedByteCount = .max
        entry.count = .max
        let report = UsageReport([entry, entry]).json
        #expect(report["eth0"]?[UsageReportTests.identity]?["write:['a']"]?["tot_tx"]?.int == .max)
    }

    @Test("lists are written as Python writes them")
    func pythonLists() throws {
        let texts = [
            "engine_fetch", "", "it's", "say \"so\"", "both ' and \"", "back\\slash", "a\nb\tc\rd",
            "\u{7}\u{1F}\u{7F}",
            "caf\u{E9}", "\u{80}\u{A0}\u{AD}", "\u{2028}\u{2009}\u{200B}", "\u{E000}\u{FFFF}", "\u{1F600}\u{10FFFF}",
            "\u{65E5}\u{672C}", "e\u{301}", "\r\n",
        ]
        let scratch = try ScratchGateway()
        let input = scratch.root.appending(path: "texts").path
        try scratch.write(JSONValue.array(texts.map(JSONValue.string)).text(), to: input)
        let program =
            "import json, sys; sys.stdout.buffer.write(repr(json.load(open(sys.argv[1], encoding='utf-8'))).encode())"
        let answer = try TestProcess.run("/usr/bin/python3", ["-c", program, input]).out
        #expect(PythonText.repr(texts) == answer)
        // JSON from gwe holds no NUL.
        #expect(PythonText.repr(["\u{0}"]) == "['\\x00']")
        #expect(PythonText.repr([]) == "[]")
    }
}
