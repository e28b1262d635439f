internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Apps that Gateway Engine installed and gwe took over, with the versions that Engine.config told: `taken-over.json` in
/// the state folder, written by `gwe config import`.
///
/// gwe did not install them, so its journal does not know them, and nothing of them is ever repaired or removed. But they
/// are there: while supervisord has such a program and gwe has not installed a release of its own, a wish for the same
/// version is met, and nothing is downloaded, written or restarted. Another version, or a digest that nobody can compare,
/// is an upgrade like any other; from then on the app is gwe's.
struct TakenOverApps: Sendable, Hashable {
    var versions: [AppName: Version] = [:]

    private static func path(_ folders: Folders) -> String { "\(folders.stateFolder)/taken-over.json" }

    /// Empty when there is no such file, or not one of gwe's.
    static func load(_ folders: Folders) -> TakenOverApps {
        var taken = TakenOverApps()
        guard let bytes = try? AtomicFile.read(path(folders), limit: 1 << 20),
            let document = try? JSON.parse(bytes, source: path(folders)).json,
            document["schema"]?.string == "gwe-taken-over/v1"
        else { return taken }
        for (name, value) in document["apps"]?.members ?? [] {
            guard let app = AppName(name), let version = value.string.flatMap({ Version($0) }) else { continue }
            taken.versions[app] = version
        }
        return taken
    }

    /// Written whole; a crash leaves the file before or this one.
    func save(_ folders: Folders) throws(SystemError) {
        let apps = versions.sorted { $0.key < $1.key }.map { ($0.key.text, JSONValue.string($0.value.text)) }
        let document: JSONValue = ["schema": "gwe-taken-over/v1", "apps": .object(apps)]
        _ = try FileTree.makeDirectory(folders.stateFolder)
        try AtomicFile.write(document.bytes(indented: true) + [UInt8(ascii: "\n")], to: TakenOverApps.path(folders))
    }

    /// Adds those that are still as they were taken over to what was seen.
    static func complete(
        _ observed: inout ObservedState, _ context: GatewayContext, desired: DesiredState,
        services: [AppName: ServiceStatus]?
    ) {
        guard context.configuration.services == .supervisord else { return }
        let taken = load(context.folders)
        guard !taken.versions.isEmpty, let places = try? SupervisordPlaces.find(context.configuration) else { return }
        let programs = SupervisordPrograms(places: places, servicesFolder: context.folders.stateFolder + "/services")
        let there = (try? programs.foreignPrograms()) ?? [:]
        for (app, version) in taken.versions where observed.apps[app] == nil {
            guard desired.apps[app]?.state.value != .absent, there[app] != nil || services?[app]?.pid != nil
            else {
                continue
            }
            let release = InstalledRelease(
                version: version, digest: .unknown, folder: "", kind: .service, artifactByteCount: 0,
                unpackedByteCount: 0, commandNumber: .max)
            observed.apps[app] = ObservedApp(
                current: release, isRunning: services.map { $0[app]?.isRunning ?? false },
                hasEndedWell: services?[app]?.hasEndedWell ?? false)
        }
    }

    /// How supervisord runs an app that was taken over, by its file; empty when it was not, or is gwe's by now.
    static func definitions(of app: AppName, _ context: GatewayContext) -> [ServiceDefinition] {
        guard context.configuration.services == .supervisord, load(context.folders).versions[app] != nil,
            let connection = try? SupervisordConnection(context), let text = try? connection.programs.text(app),
            SupervisordProgram.release(of: text) == nil
        else { return [] }
        let serviceContext = ServiceContext(
            release: "", directory: connection.client.places.programFolder, logFolder: context.folders.logFolder,
            agentEnvironment: ProcessFacts.environment, hostName: KernelInfo.name.node)
        return (try? PackageServiceFile.parse(text, source: "", app: app, context: serviceContext))?.definitions ?? []
    }
}
