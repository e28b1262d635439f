import Documents
import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// Which files an app's log is, and how their ends are given out.
@Suite("The log of an app") struct AppLogTests {
    private let gateway: ScratchGateway
    private let context: GatewayContext
    private let app: AppName

    init() throws {
        gateway = try ScratchGateway()
        context = GatewayContext(folders: gateway.folders, configuration: try gateway.load())
        app = try #require(AppName("web"))
    }

    private func definition(_ out: String, _ err: String? = nil) -> ServiceDefinition {
        var definition = ServiceDefinition(
            app: app, command: ["/bin/true"], context: .init(release: "1", directory: "/", logFolder: "/log"))
        definition.output = .init(path: out)
        definition.errorOutput = err.map { .init(path: $0) }
        return definition
    }

    private func publish(_ definition: ServiceDefinition) {
        var index = LogIndex(app)
        index.update(definition)
        index.publish(gateway.folders.stateFolder)
    }

    private func configure(_ definition: ServiceDefinition) throws {
        try gateway.write(
            ServiceDefinition.document([definition]).text(),
            to: ReleaseStore(folders: gateway.folders).servicePath(app))
    }

    private var paths: [String] { AppLog(of: app, context).streams.map(\.path) }

    @Test("the configuration says where the log is, else what the supervisor published, else it is in its usual place")
    func places() throws {
        #expect(paths == [gateway.folders.logFile(of: app)])
        publish(definition("/log/published"))
        #expect(paths == ["/log/published"])
        try configure(definition("/log/configured", "/log/configured.err"))
        #expect(paths == ["/log/configured", "/log/configured.err"])
        #expect(AppLog(of: app, context).streams.map(\.isError) == [false, true])
    }

    @Test("where the app wrote before is not its log any more")
    func old() throws {
        var index = LogIndex(app)
        index.update(definition("/log/before"))
        index.update(definition("/log/now"))
        index.publish(gateway.folders.stateFolder)
        #expect(paths == ["/log/now"])
    }

    @Test("a choice of streams that fits none is none")
    func only() throws {
        publish(definition("/log/out", "/log/err"))
        let log = AppLog(of: app, context)
        #expect(log.only(\.isError)?.streams.map(\.path) == ["/log/err"])
        #expect(log.only { $0.process == "other" } == nil)
    }

    @Test("the ends of all streams are given out in order, and no more once the reader has enough")
    func tail() throws {
        let (out, err) = (gateway.root.path + "/out", gateway.root.path + "/err")
        publish(definition(out, err))
        let log = AppLog(of: app, context)
        #expect(log.present.isEmpty)
        try gateway.write("1\n2\n3\n", to: out)
        #expect(log.present.map(\.path) == [out])
        try gateway.write("a\nb\n", to: err)
        var text = ""
        log.tail(2) { stream, bytes in
            text += (stream.isError ? "E:" : "O:") + String(decoding: bytes, as: UTF8.self)
            return true
        }
        #expect(text == "O:2\n3\nE:a\nb\n")
        var calls = 0
        log.tail(2) { _, _ in
            calls += 1
            return false
        }
        #expect(calls == 1)
    }

    @Test("what a status shows of a log can be read as JSON, whatever bytes it holds")
    func anyBytes() throws {
        let path = gateway.root.path + "/log"
        publish(definition(path))
        try Data("a\0b\n\0\0\n".utf8 + [0xFF, 0x1B, 0x0A]).write(to: URL(fileURLWithPath: path))
        let lines = LogTail.lines(of: app, context, count: 3)
        #expect(lines == ["a\u{FFFD}b", "\u{FFFD}\u{FFFD}", "\u{FFFD}\u{1B}"])
        let text = JSONValue.array(lines.map(JSONValue.string)).text()
        #expect(try JSON.parse(text, source: "status").json.elements?.compactMap(\.string) == lines)
    }

    @Test("a log that cannot be read says why, and one that is not there yet is no trouble")
    func problem() throws {
        let path = gateway.root.path + "/log"
        publish(definition(path))
        #expect(AppLog(of: app, context).problem == nil)
        try #require(symlink(path, path) == 0)
        #expect(AppLog(of: app, context).problem?.description.contains(path) == true)
    }

    @Test("an app is known by its log, by what was published of it, and by the manifest; any other is not")
    func known() throws {
        #expect(!AppLog.isKnown(app, context))
        try gateway.write("", to: gateway.folders.logFile(of: app))
        #expect(AppLog.isKnown(app, context))
        try FileManager.default.removeItem(atPath: gateway.folders.logFile(of: app))
        #expect(!AppLog.isKnown(app, context))
        publish(definition("/log/elsewhere"))
        #expect(AppLog.isKnown(app, context))
        LogIndex(app).forget(gateway.folders.stateFolder)
        try gateway.write("schema: gwe/v1\napps: {web: {version: \"1\"}}\n", to: gateway.folders.manifestFile)
        #expect(AppLog.isKnown(app, context))
    }
}
