import Foundation
import GatewayModel
import GatewaySystem
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayAgent

/// Commands on an app while no daemon runs, against the state on the disk.
@Suite("Commands without a daemon") struct LocalActionTests {
    private final class Heard: Sendable {
        let problems = Lock<[String]>([])
        var all: [String] { problems.withLock { $0 } }
    }

    private let gateway: ScratchGateway
    private let context: GatewayContext
    private let app: AppName
    private let heard = Heard()

    init() throws {
        gateway = try ScratchGateway()
        context = GatewayContext(folders: gateway.folders, configuration: try gateway.load())
        app = try #require(AppName("tool"))
    }

    private func entry() throws -> OperatorEntry? {
        let state = try LockedState(context: context, purpose: "a test")
        return try DesiredInputs.load(context: context, journal: state.journal).operatorLayer.apps[app]
    }

    private func package(_ version: String = "1", installer: String) throws -> String {
        let script = gateway.root.path + "/install-\(version).sh"
        try gateway.write("#!/bin/sh\n\(installer)\n", to: script)
        let file = "\(gateway.root.path)/tool.v\(version).tar.gz"
        try TarWriter.write(
            [.init(path: "install.sh", content: .file(script), mode: 0o755)], to: file, compression: .gzip)
        return file
    }

    private func install(_ files: String...) -> GatewayModel.ExitStatus {
        LocalAction.install(tarballs: files, context) { [heard] event in
            if case .problem(let text) = event { heard.problems.withLock { $0.append(text) } }
        }
    }

    private func remove(isPurge: Bool = false) -> GatewayModel.ExitStatus {
        LocalAction.remove(app, isPurge: isPurge, context) { [heard] event in
            if case .problem(let text) = event { heard.problems.withLock { $0.append(text) } }
        }
    }

    private var current: String { gateway.folders.currentLink(of: app) }
    private var data: String { gateway.folders.dataFolder(of: app) }

    @Test("of an app that nobody knows nothing is noted", arguments: AppVerb.allCases)
    func unknown(verb: AppVerb) throws {
        let done = LocalAction.perform(verb, on: app, context)
        #expect(done.exit == .noSuchApp && done.message == "no such app: tool")
        #expect(try entry() == nil)
    }

    @Test("what is said is durable and waits for a daemon; a restart has nothing to wait for")
    func noted() throws {
        #expect(install(try package(installer: "exit 0")) == .success)
        let stopped = LocalAction.perform(.stop, on: app, context)
        #expect(stopped.exit == .success && stopped.message == "tool: noted; it holds when a daemon runs (gwe run)")
        #expect(try entry()?.state == .stopped)
        #expect(
            LocalAction.perform(.hold, on: app, context).message == "tool: held: drift is reported, nothing is changed")
        #expect(try entry()?.hold == true)
        let restarted = LocalAction.perform(.restart, on: app, context)
        #expect(restarted.exit == .unavailable && restarted.message.contains("no daemon is running"))
        #expect(try entry()?.state == .stopped, "a restart that cannot be is no start")
    }

    @Test("a state that somebody else has locked is not touched: try again")
    func locked() throws {
        let state = try LockedState(context: context, purpose: "a pass")
        let done = LocalAction.perform(.stop, on: app, context)
        #expect(done.exit == .tryLater && done.message.contains("a pass"), "\(done)")
        #expect(install("/x/tool.v1.tar.gz") == .tryLater && remove() == .tryLater)
        withExtendedLifetime(state) {}
    }

    @Test("a package installed by hand is in force at the end, its installer has run once")
    func installs() throws {
        #expect(install(try package(installer: "echo ran >>\"$GWE_DATA_DIR/runs\"")) == .success)
        #expect(FileTree.exists(current))
        #expect(try gateway.read(data + "/runs") == "ran\n")
        #expect(heard.all.isEmpty)
    }

    @Test("a package that is refused is bad input, one that is not there no input, and neither is ever wished for")
    func refused() throws {
        let good = try package(installer: "exit 0")
        let text = try Data(contentsOf: URL(fileURLWithPath: good))
        let cut = gateway.root.path + "/tool.v2.tar.gz"
        try text.prefix(text.count - 9).write(to: URL(fileURLWithPath: cut))
        #expect(install(cut) == .badInput)
        #expect(install(gateway.root.path + "/tool.v3.tar.gz") == .noInput)
        #expect(heard.all.count == 2 && heard.all[0].contains("tool.v2"), "\(heard.all)")
        #expect(try entry() == nil && !FileTree.exists(current))
    }

    @Test("an installer that fails leaves what was in force: rolled back")
    func fails() throws {
        #expect(install(try package(installer: "exit 0")) == .success)
        let before = FileTree.linkTarget(current)
        #expect(install(try package("2", installer: "exit 3")) == .rolledBack)
        #expect(FileTree.linkTarget(current) == before && heard.all.contains { $0.contains("exit code 3") })
    }

    @Test("what was installed by hand is removed by hand, and its data stays unless it is purged")
    func removes() throws {
        #expect(install(try package(installer: "echo ran >\"$GWE_DATA_DIR/runs\"")) == .success)
        #expect(remove() == .success)
        #expect(!FileTree.exists(current) && FileTree.exists(data + "/runs"))
        #expect(remove() == .noSuchApp)
        #expect(remove(isPurge: true) == .success)
        #expect(!FileTree.exists(data))
    }

    @Test("what the manifest names is not removed by hand")
    func named() throws {
        let file = try package(installer: "exit 0")
        try gateway.write(
            "schema: gwe/v1\napps: {tool: {version: \"1\", artifact: {path: \(file)}}}\n",
            to: gateway.folders.manifestFile)
        #expect(remove() == .failure)
        #expect(heard.all.last?.contains("manifest.yaml") == true, "\(heard.all)")
    }
}
