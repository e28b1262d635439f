import Foundation
import GatewayModel
import TestSupport
import Testing

@testable import GatewayAgent

/// Where an app's logs are, for those who may not read its configuration.
@Suite("The index of logs") struct LogIndexTests {
    private let folder = TemporaryFolder()
    private let app: AppName

    init() throws { app = try #require(AppName("web")) }

    private func definition(
        _ out: String?, _ err: String? = nil, process: String? = nil, user: String? = nil
    ) -> ServiceDefinition {
        var definition = ServiceDefinition(
            app: app, command: ["/bin/true"], context: .init(release: "1", directory: "/", logFolder: "/log"))
        definition.output = .init(path: out, maxByteCount: 1_000, backups: 2)
        definition.errorOutput = err.map { .init(path: $0) }
        definition.user = user
        if let process {
            definition.processName = process
            definition.processNumber = 0
        }
        return definition
    }

    private func words(_ index: LogIndex) -> [String] {
        index.entries.map {
            "\($0.process ?? "-") \($0.stream) \($0.path)" + ($0.isOld ? " old" : "")
        }
    }

    @Test("where a process wrote before stays known, as old, until it writes there again")
    func old() {
        var index = LogIndex(app)
        index.update(definition("/log/a"))
        #expect(words(index) == ["- stdout /log/a"])
        index.update(definition("/log/b", "/log/b.err"))
        #expect(words(index) == ["- stdout /log/a old", "- stdout /log/b", "- stderr /log/b.err"])
        index.update(definition("/log/a"))
        #expect(words(index) == ["- stdout /log/a", "- stdout /log/b old", "- stderr /log/b.err old"])
    }

    @Test("each process has its own entries, in order, output before errors")
    func processes() {
        var index = LogIndex(app)
        index.update(definition("/log/2", "/log/2.err", process: "web_02"))
        index.update(definition("/log/1", "/log/1.err", process: "web_01"))
        #expect(
            words(index) == [
                "web_01 stdout /log/1", "web_01 stderr /log/1.err", "web_02 stdout /log/2", "web_02 stderr /log/2.err",
            ])
        index.update(definition("/log/new", process: "web_01"))
        #expect(words(index).filter { $0.hasPrefix("web_02") } == ["web_02 stdout /log/2", "web_02 stderr /log/2.err"])
        #expect(words(index).contains("web_01 stderr /log/1.err old"))
    }

    @Test("a log that two processes share belongs to the one that said so last")
    func shared() {
        var index = LogIndex(app)
        index.update(definition("/log/all", process: "web_01"))
        index.update(definition("/log/all", process: "web_02"))
        #expect(words(index) == ["web_02 stdout /log/all"])
    }

    @Test("an app that writes nowhere has no entry, and what it wrote before is old")
    func nowhere() {
        var index = LogIndex(app)
        index.update(definition("/log/a"))
        index.update(definition(nil))
        #expect(words(index) == ["- stdout /log/a old"])
    }

    @Test("what is published is read back whole, by everybody, and is gone when it is forgotten")
    func file() throws {
        var index = LogIndex(app)
        index.update(definition("/log/a", user: "nobody"))
        index.update(definition("/log/b", "/log/b.err", user: "daemon"))
        index.publish(folder.path)
        #expect(LogIndex(app, folder.path) == index)
        #expect(LogIndex(app, folder.path)?.user == "daemon")
        #expect(LogIndex(app, folder.path)?.entries.first?.maxByteCount == 1_000)
        let mode = try FileManager.default.attributesOfItem(atPath: folder("logs/web.json"))[.posixPermissions]
        #expect(mode as? Int == 0o644)
        #expect(LogIndex.all(folder.path) == [index])
        index.forget(folder.path)
        #expect(LogIndex(app, folder.path) == nil && LogIndex.all(folder.path).isEmpty)
    }

    @Test("a file that is torn is none, and an entry that names no stream is left out")
    func damage() throws {
        try folder.write("logs/web.json", "{\"app\":\"web\",\"lo")
        #expect(LogIndex(app, folder.path) == nil)
        try folder.write(
            "logs/web.json",
            #"{"logs":[{"path":"/log/a","stream":"stdout"},{"path":"/log/b","stream":"other"},{"stream":"stderr"}]}"#)
        #expect(LogIndex(app, folder.path).map(words) == ["- stdout /log/a"])
        try folder.write("logs/no app.json", "{}")
        try folder.write("logs/web.txt", "{}")
        #expect(LogIndex.all(folder.path).map(\.app) == [app])
    }
}
