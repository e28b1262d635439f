import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// What a person says at the gateway, as the journal keeps it.
@Suite("The operator's word") struct OperatorCommandsTests {
    private let gateway: ScratchGateway
    private let context: GatewayContext
    private let state: LockedState
    private let commands: OperatorCommands
    private let app: AppName

    init() throws {
        gateway = try ScratchGateway()
        context = GatewayContext(folders: gateway.folders, configuration: try gateway.load())
        state = try LockedState(context: context, purpose: "a test")
        commands = OperatorCommands(context: context, journal: state.journal)
        app = try #require(AppName("web"))
    }

    private func manifest(_ app: String) throws {
        try gateway.write("schema: gwe/v1\napps: {web: \(app)}\n", to: gateway.folders.manifestFile)
    }

    private func entry(_ app: AppName? = nil) throws -> OperatorEntry? {
        try DesiredInputs.load(context: context, journal: state.journal).operatorLayer.apps[app ?? self.app]
    }

    private func changes() throws -> Int64? { try state.journal.read("SELECT total_changes()").first?[0].int }

    /// A package whose installer is a script, as a file that an operator has.
    private func package(_ name: String, installer: String = "exit 0", mode: UInt32 = 0o755) throws -> String {
        let script = gateway.root.path + "/\(UUID().uuidString)"
        try gateway.write("#!/bin/sh\n\(installer)\n", to: script)
        let file = "\(gateway.root.path)/\(name)"
        try TarWriter.write(
            [.init(path: "install.sh", content: .file(script), mode: mode)], to: file, compression: .gzip)
        return file
    }

    @Test("an app is known when a layer names it, or when the operator said something of it")
    func known() throws {
        #expect(try !commands.isKnown(app))
        try commands.hold(app)
        #expect(try commands.isKnown(app))
        try commands.unhold(app)
        #expect(try !commands.isKnown(app) && entry() == nil, "nothing is left of a word that was taken back")
        try manifest("{version: \"1\"}")
        #expect(try commands.isKnown(app))
    }

    @Test("a word that changes nothing writes nothing")
    func idle() throws {
        try commands.stop(app)
        let before = try changes()
        try commands.stop(app)
        #expect(try changes() == before)
        try commands.start(app)
        #expect(try changes() != before)
    }

    @Test("a start takes the operator's stop back, and says running only where a layer says stopped")
    func start() throws {
        try manifest("{version: \"1\"}")
        try commands.stop(app)
        #expect(try entry()?.state == .stopped)
        try commands.start(app)
        #expect(try entry() == nil)
        try manifest("{version: \"1\", state: stopped}")
        try commands.start(app)
        #expect(try entry()?.state == .running)
    }

    @Test("an unhold takes the operator's release back where another layer wants one, and else leaves it alone")
    func unhold() throws {
        _ = try commands.install(tarballs: [package("web.v2.tar.gz")])
        try commands.hold(app)
        try commands.unhold(app)
        #expect(try entry()?.release?.version.text == "2" && entry()?.hold == false, "nobody else wants the app")
        try manifest("{version: \"1\"}")
        try commands.hold(app)
        try commands.unhold(app)
        #expect(try entry() == nil, "the manifest's release is in force")
    }

    private func setText(_ text: String) throws {
        try commands.hold(app)
        try state.journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute("UPDATE layer SET text = ? WHERE name = 'operator'", [.text(text)])
        }
    }

    private func text() throws -> String? {
        try state.journal.read("SELECT text FROM layer WHERE name = 'operator'").first?[0].string
    }

    @Test("a word that this gwe cannot read is not written over")
    func unreadable() throws {
        let stored = #"{"web":{"state":"floating"}}"#
        try setText(stored)
        let error = try #require(throws: JournalError.self) { try commands.stop(app) }
        #expect(error.description.hasPrefix("cannot change what the operator said: "), "\(error)")
        #expect(try text() == stored)
    }

    @Test("what a newer gwe wrote beside is kept when a command changes the rest")
    func newer() throws {
        try setText(#"{"web":{"hold":true,"later":{"a":[1,2.5,null,true,"x"]}}}"#)
        try commands.stop(app)
        #expect(
            try text() == #"{"web":{"state":"stopped","hold":true,"later":{"a":[1,2.5,null,true,"x"]}}}"#)
        try setText(#"{"web":{"hold":true,"later":1}}"#)
        try commands.unhold(app)
        #expect(try text() == #"{"web":{"later":1}}"#)
    }

    @Test("all packages are checked before the first is taken: with a bad one among them none is")
    func install() throws {
        let good = try package("tool.v1.tar.gz")
        let bad = try package("other.v1.tar.gz", mode: 0o644)
        let error = try #require(throws: StepFailure.self) { try commands.install(tarballs: [good, bad]) }
        #expect(error.kind == .release && error.description.contains(bad), "\(error)")
        #expect(try DesiredInputs.load(context: context, journal: state.journal).operatorLayer.apps.isEmpty)
        #expect(try commands.install(tarballs: [good]).map(\.text) == ["tool"])
        let missing = try #require(throws: StepFailure.self) {
            try commands.install(tarballs: [gateway.root.path + "/none.v1.tar.gz"])
        }
        #expect(missing.kind == .local)
        let misnamed = try #require(throws: StepFailure.self) { try commands.install(tarballs: ["/x/none"]) }
        #expect(misnamed.kind == .release)
    }

    @Test("the same package installed by hand again is another command, and a stopped app is wanted again")
    func again() throws {
        let file = try package("web.v1.tar.gz")
        _ = try commands.install(tarballs: [file])
        let first = try #require(try entry()?.release)
        #expect(try first.location == .path(file) && first.sha256?.hex == SHA256.hex(ofFile: file))
        try commands.stop(app)
        _ = try commands.install(tarballs: [file])
        let second = try #require(try entry())
        #expect((second.release?.commandNumber ?? 0) > first.commandNumber && second.state == nil)
    }

    @Test("taken back is only what the operator alone wishes: not what another layer names, nor what is held")
    func takeBack() throws {
        let unknown = try #require(throws: RemovalRefusal.self) { try commands.takeBack(app, isPurge: false) }
        #expect(unknown.exit == .noSuchApp)
        // Data that nobody's app left is there to be purged.
        try gateway.write("x", to: gateway.folders.dataFolder(of: app) + "/x")
        #expect(throws: RemovalRefusal.self) { try commands.takeBack(app, isPurge: false) }
        try commands.takeBack(app, isPurge: true)

        _ = try commands.install(tarballs: [package("web.v1.tar.gz")])
        try commands.hold(app)
        let held = try #require(throws: RemovalRefusal.self) { try commands.takeBack(app, isPurge: false) }
        #expect(held.exit == .deferred && held.description.hasSuffix("gwe unhold web"))
        try commands.unhold(app)
        try manifest("{version: \"1\"}")
        let named = try #require(throws: RemovalRefusal.self) { try commands.takeBack(app, isPurge: false) }
        #expect(named.exit == .failure && named.description.contains("manifest.yaml"), "\(named)")
        #expect(try entry()?.release != nil)
        try FileManager.default.removeItem(atPath: gateway.folders.manifestFile)
        try commands.takeBack(app, isPurge: false)
        #expect(try entry() == nil)
        #expect(
            try DesiredInputs.load(context: context, journal: state.journal).named.operatorCommand.contains(app),
            "it may be removed")
    }
}
