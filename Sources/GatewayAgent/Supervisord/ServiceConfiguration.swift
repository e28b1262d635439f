internal import Documents
internal import GatewayModel
internal import Glibc
internal import GatewaySystem

/// Makes an app's service definition from its package and the desired state, and keeps it as a file, so that a daemon
/// that starts finds what to supervise, and a change by hand is seen.
///
/// The manifest's `service` goes over `app.yaml`'s, and that over `supervisor.conf`, key by key.
struct ServiceConfiguration {
    let context: GatewayContext
    let store: ReleaseStore
    private let policy: Policy

    /// - Parameter policy: for definitions that are to be made or compared.
    init(context: GatewayContext, policy: Policy = Policy()) {
        self.context = context
        self.policy = policy
        store = ReleaseStore(folders: context.folders)
    }

    struct Made: Sendable {
        /// Of every process of the app.
        var definitions: [ServiceDefinition]
        var warnings: [String]
        /// The variables of gwe's own environment that `supervisor.conf` names, as they were when this was made.
        var expanded: [String: String] = [:]
        /// What supervisord gets, where it supervises.
        var program: String?

        /// What stands in the file.
        var bytes: [UInt8] {
            var members = ServiceDefinition.document(definitions).members ?? []
            let variables = expanded.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
            if !variables.isEmpty { members.append(("expanded", .object(variables))) }
            return JSONValue.object(members).bytes(indented: true) + [UInt8(ascii: "\n")]
        }
    }

    /// nil for an app that is no service.
    /// - Parameters:
    ///   - expanded: values that win over those of this process's environment.
    ///   - folder: where the release lies while it does not have its name yet.
    func make(
        _ record: ReleaseRecord, desired: DesiredApp?, expanded: [String: String] = [:], in folder: String? = nil
    ) throws(StepFailure) -> Made? {
        guard record.installed.kind == .service else { return nil }
        let folder = folder ?? store.path(record.app, record.installed.folder)
        var serviceContext = serviceContext(record, desired: desired)
        do {
            let package = try AppYAML.load(releaseFolder: folder)
            let override =
                switch (desired?.service?.value, package?.service) {
                case (let upper?, let lower?): upper.filled(from: lower)
                case (let upper, let lower): upper ?? lower
                }
            serviceContext.health = desired?.health?.value ?? package?.health
            let path = folder + "/supervisor.conf"
            if FileTree.exists(path) {
                let text = String(decoding: try AtomicFile.read(path, limit: 1 << 20), as: UTF8.self)
                let names = PackageServiceFile.variables(namedIn: text)
                let variables = ProcessFacts.environment.merging(expanded) { $1 }.filter { names.contains($0.key) }
                serviceContext.agentEnvironment = variables
                serviceContext.hostName = KernelInfo.name.node
                let made = try PackageServiceFile.parse(
                    text, source: "supervisor.conf", app: record.app, context: serviceContext, override: override)
                return Made(
                    definitions: made.definitions, warnings: made.warnings.map(\.description), expanded: variables,
                    program: try program(record.app, text, override, serviceContext))
            }
            let definition = try ServiceDefinition(
                app: record.app, from: override ?? ServiceOverride(), context: serviceContext, source: "service")
            return Made(
                definitions: [definition], warnings: [],
                program: try program(record.app, nil, override, serviceContext))
        } catch let error as SystemError {
            throw StepFailure(error)
        } catch let errors as DocumentErrors {
            throw StepFailure(.release, errors.errors.map(\.description).joined(separator: "; "))
        } catch {
            throw StepFailure(.release, "\(error)")
        }
    }

    private func program(
        _ app: AppName, _ conf: String?, _ override: ServiceOverride?, _ serviceContext: ServiceContext
    ) throws(DocumentError) -> String? {
        guard context.configuration.services == .supervisord else { return nil }
        return try SupervisordProgram(
            app: app, supervisorConf: conf, override: override, context: serviceContext
        ).text
    }

    private func serviceContext(_ record: ReleaseRecord, desired: DesiredApp?) -> ServiceContext {
        let current = context.folders.currentLink(of: record.app)
        return ServiceContext(
            release: record.installed.folder, directory: current, logFolder: context.folders.logFolder,
            environment: ServiceContext.appEnvironment(
                app: record.app, version: record.installed.version.text, current: current,
                data: context.folders.dataFolder(of: record.app)),
            requires: desired?.requires.value.sorted() ?? [], hasCleanEnvironment: policy.environment == .clean)
    }

    /// How the file, or the program that supervisord has, differs from what would be made now, in the environment it was
    /// made in: a command line and a daemon with different environments must not see drift in one another's work.
    func difference(_ record: ReleaseRecord, desired: DesiredApp?) -> Drift? {
        let there = try? AtomicFile.read(store.servicePath(record.app), limit: 1 << 20)
        // As a rule nothing is expanded, or to the same: then the file need not be parsed.
        let made = try? make(record, desired: desired)
        let isWanted = desired?.state.value == .running
        if let program = made?.program,
            SupervisordServices.differs(program, of: record.app, isWanted: isWanted, context)
        {
            return .configuration
        }
        if made?.bytes == there { return nil }
        let node = there.flatMap { try? JSON.parse($0, source: store.servicePath(record.app)) }
        var expanded: [String: String] = [:]
        for (name, value) in node?.json["expanded"]?.members ?? [] { expanded[name] = value.string }
        guard let made = try? make(record, desired: desired, expanded: expanded) else { return .configuration }
        if made.bytes == there { return nil }
        let old = node.flatMap { ServiceDefinition.all(inDocument: $0.json) } ?? []
        let runsAlike =
            old.count == made.definitions.count && zip(old, made.definitions).allSatisfy { $0.runs(like: $1) }
        // Equal but for their text: somebody edited the file.
        return runsAlike && old != made.definitions ? .healthCheck : .configuration
    }

    /// What the files say is to be supervised.
    func definitions(of apps: some Sequence<AppName>) -> [ServiceDefinition] {
        apps.flatMap { app -> [ServiceDefinition] in
            guard let bytes = try? AtomicFile.read(store.servicePath(app), limit: 1 << 20),
                let node = try? JSON.parse(bytes, source: store.servicePath(app))
            else { return TakenOverApps.definitions(of: app, context) }
            return ServiceDefinition.all(inDocument: node.json) ?? []
        }
    }
}
