import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// How an app's service is made from its package and the desired state, and when the file that says so has drifted.
@Suite("The configuration of a service") struct ServiceConfigurationTests {
    private let gateway: ScratchGateway
    private let context: GatewayContext
    private let configuration: ServiceConfiguration
    private let app: AppName
    private let record: ReleaseRecord

    init() throws {
        gateway = try ScratchGateway()
        context = GatewayContext(folders: gateway.folders, configuration: try gateway.load())
        configuration = ServiceConfiguration(context: context)
        app = try #require(AppName("web"))
        record = try ServiceConfigurationTests.record(app, .service)
    }

    private static func record(_ app: AppName, _ kind: ReleaseKind) throws -> ReleaseRecord {
        let (version, digest) = (try #require(Version("1")), try #require(Digest(String(repeating: "a", count: 64))))
        return ReleaseRecord(
            app: app,
            installed: InstalledRelease(
                version: version, digest: digest, folder: "1-aaaaaaaa",
                kind: kind, artifactByteCount: 1, unpackedByteCount: 1), artifact: "", inventory: "",
            state: .installed, bootID: "")
    }

    private func release(_ name: String, _ text: String) throws {
        try gateway.write(text, to: gateway.folders.releasesFolder(of: app) + "/1-aaaaaaaa/\(name)")
    }

    private func desired(
        _ service: ServiceOverride? = nil, health: HealthCheck? = nil, requires: [AppName] = []
    ) -> DesiredApp {
        DesiredApp(
            name: app, release: nil, requires: Sourced(requires, from: .builtin),
            service: service.map { Sourced($0, from: .builtin) }, health: health.map { Sourced($0, from: .builtin) })
    }

    private func made(_ desired: DesiredApp? = nil) throws -> ServiceDefinition {
        try #require(try configuration.make(record, desired: desired)?.definitions.first)
    }

    /// Writes what would be made now.
    private func keep(_ desired: DesiredApp? = nil) throws {
        let bytes = try #require(try configuration.make(record, desired: desired)?.bytes)
        try gateway.write(String(decoding: bytes, as: UTF8.self), to: file)
    }

    private var file: String { ReleaseStore(folders: gateway.folders).servicePath(app) }

    @Test("an app that is no service has none")
    func noService() throws {
        try release("supervisor.conf", "[supervisord]\ncommand=bin/run\n")
        #expect(try configuration.make(ServiceConfigurationTests.record(app, .oneOff), desired: desired()) == nil)
    }

    @Test("the manifest goes over app.yaml, and that over supervisor.conf, key by key")
    func layers() throws {
        try release("supervisor.conf", "[supervisord]\ncommand=bin/conf\nuser=nobody\nstopsignal=INT\n")
        #expect(try made().command.first?.hasSuffix("bin/conf") == true)
        #expect(try made().stopSignal == 2 && made().user == "nobody")
        try release("app.yaml", "service: {command: bin/yaml, stop_signal: HUP}\n")
        #expect(try made().command.first?.hasSuffix("bin/yaml") == true)
        #expect(try made().stopSignal == 1 && made().user == "nobody")
        let manifest = desired(ServiceOverride(command: "bin/manifest"))
        #expect(try made(manifest).command.first?.hasSuffix("bin/manifest") == true)
        #expect(try made(manifest).stopSignal == 1, "what the manifest leaves out is app.yaml's")
        #expect(try made(manifest).user == "nobody")
    }

    @Test("the app is told who it is, and starts after those that the manifest requires")
    func surroundings() throws {
        try release("supervisor.conf", "[supervisord]\ncommand=bin/run\n")
        let (db, cache) = (try #require(AppName("db")), try #require(AppName("cache")))
        let made = try made(desired(requires: [db, cache]))
        #expect(made.environment["GWE_APP"] == "web" && made.environment["GWE_VERSION"] == "1")
        #expect(made.environment["GWE_DATA_DIR"] == gateway.folders.dataFolder(of: app))
        #expect(made.directory == gateway.folders.currentLink(of: app) && made.release == "1-aaaaaaaa")
        #expect(made.requires == [cache, db])
    }

    @Test("the manifest's health check replaces the package's")
    func health() throws {
        try release("supervisor.conf", "[supervisord]\ncommand=bin/run\n")
        try release("app.yaml", "health: {tcp: \"127.0.0.1:80\"}\n")
        #expect(try made().health?.probe == .tcp(host: "127.0.0.1", port: 80))
        let check = HealthCheck(probe: .command("true"))
        #expect(try made(desired(health: check)).health == check)
    }

    @Test("a package that cannot be read is the release's fault, in words")
    func bad() throws {
        try release("supervisor.conf", "[supervisord]\nnumprocs=many\ncommand=bin/run\n")
        let error = try #require(throws: StepFailure.self) { try configuration.make(record, desired: nil) }
        #expect(error.kind == .release && error.description.contains("numprocs"), "\(error)")
    }

    @Test("a file that says what would be made now has not drifted; one that is edited, torn or gone has")
    func drift() throws {
        try release("supervisor.conf", "[supervisord]\ncommand=bin/run\n")
        #expect(configuration.difference(record, desired: desired()) == .configuration, "there is none yet")
        try keep(desired())
        #expect(configuration.difference(record, desired: desired()) == nil)
        #expect(configuration.definitions(of: [app]) == [try made(desired())])
        let other = desired(ServiceOverride(command: "bin/other"))
        #expect(configuration.difference(record, desired: other) == .configuration)
        let text = try gateway.read(file)
        try gateway.write(text + " ", to: file)
        #expect(
            configuration.difference(record, desired: desired()) == .configuration, "edited, though it says the same")
        try gateway.write(String(text.prefix(20)), to: file)
        #expect(configuration.difference(record, desired: desired()) == .configuration)
    }

    @Test("another health check alone is told apart: taking it over does not touch the process")
    func healthDrift() throws {
        try release("supervisor.conf", "[supervisord]\ncommand=bin/run\n")
        let check = HealthCheck(probe: .command("true"))
        try keep(desired())
        #expect(configuration.difference(record, desired: desired(health: check)) == .healthCheck)
        let both = desired(ServiceOverride(command: "bin/other"), health: check)
        #expect(configuration.difference(record, desired: both) == .configuration)
    }

    @Test("a variable of gwe's own environment is taken as it was when the file was made: another one now is no drift")
    func environment() throws {
        try release("supervisor.conf", "[supervisord]\ncommand=bin/run %(ENV_PATH)s\n")
        let then = try #require(
            try configuration.make(record, desired: desired(), expanded: ["PATH": "/then"])?.bytes)
        try gateway.write(String(decoding: then, as: UTF8.self), to: file)
        #expect(configuration.definitions(of: [app]).first?.command.last == "/then")
        #expect(configuration.difference(record, desired: desired()) == nil)
        let other = desired(ServiceOverride(user: "nobody"))
        #expect(configuration.difference(record, desired: other) == .configuration)
    }
}
