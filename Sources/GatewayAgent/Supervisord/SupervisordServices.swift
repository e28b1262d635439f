internal import Documents
public import GatewayModel
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// An existing supervisord as the one that keeps services running (`services: supervisord` in gateway.yaml), driven through
/// its own interface as Gateway Engine did it: programs in `conf.d/<app>.conf`, reread, groups added and removed, processes
/// started and stopped. supervisord restarts them, keeps their logs, and outlives gwe with them.
///
/// Nothing is kept in memory but the last failures: every call asks supervisord and reads the files, so that a supervisord
/// that is restarted, or a gwe that is, finds everything again. While supervisord cannot be reached, its apps are UNKNOWN
/// with that reason, and nothing is forgotten. Other programs of it are never touched, and an app that runs already with
/// an equal definition is left running (see `SupervisordPrograms`, `SupervisordProgram.isEquivalent`).
///
/// supervisord's words stay its own: without `startretries` an app is FATAL after three tries, as its documentation says,
/// and every pass of gwe then tries it again. What supervisord does not tell: the number of restarts, the signal that
/// ended a process, the time of the next attempt.
public final class SupervisordServices: ServiceManager {
    let context: GatewayContext
    let store: ReleaseStore
    private let failures = Lock<[AppName: String]>([:])
    /// One change of files and groups at a time.
    private let changing = Lock<Void>(())

    let health: HealthWatch?

    /// Does nothing yet: supervisord may come later.
    /// - Parameter health: checks the apps; nil checks none.
    public init(_ context: GatewayContext, health: HealthWatch? = nil) {
        self.context = context
        self.health = health
        store = ReleaseStore(folders: context.folders)
        health?.check(self)
    }

    /// nil unless gateway.yaml says `services: supervisord`.
    public convenience init?(ifChosenIn context: GatewayContext, health: HealthWatch? = nil) {
        guard context.configuration.services == .supervisord else { return nil }
        self.init(context, health: health)
    }

    // MARK: ServiceManager

    /// supervisord keeps no delay of an app in BACKOFF that could be shortened.
    public func launch(_ definitions: [ServiceDefinition], now: Bool) {
        var apps: [AppName] = []
        for definition in definitions.sorted(by: { ($0.priority, $0.app) < ($1.priority, $1.app) })
        where !apps.contains(definition.app) {
            apps.append(definition.app)
        }
        health?.take(definitions)
        changing.withLock { _ in
            var changes: SupervisordConnection.Changes?
            for app in apps {
                attempt(app) { () throws(SupervisordFailure) in
                    try begin(app, try SupervisordConnection(context), &changes)
                }
            }
        }
        for app in apps { health?.look(app) }
    }

    /// Starts what is down, never with a program that is not what gwe generated.
    private func begin(
        _ app: AppName, _ connection: SupervisordConnection, _ changes: inout SupervisordConnection.Changes?
    ) throws(SupervisordFailure) {
        let isNew = try put(app, connection, &changes)
        let processes = try processes(of: app, connection)
        guard !processes.isEmpty else { throw .file("supervisord has no program \(app)") }
        // One of a new group that has ended already is not started a second time.
        for process in processes where isNew ? process.state == .stopped : !process.isUp {
            try connection.start(process)
        }
    }

    /// Stops the app, takes its file away and makes supervisord forget it. A program that gwe does not manage is left alone.
    public func remove(_ app: AppName) {
        health?.forget(app)
        guard isManaged(app) else { return }
        changing.withLock { _ in
            attempt(app) { () throws(SupervisordFailure) in
                let connection = try SupervisordConnection(context)
                try stop(app, connection)
                try connection.programs.remove(app)
                if try connection.reload().removed.contains(app.text) { try connection.drop(app) }
            }
        }
    }

    /// Waits until no process of the app is on its way, as long as a start and a stop may take, and for the first
    /// verdict on its health if asked to. Asks supervisord several times a second meanwhile.
    /// - Returns: nil when the app is not known.
    public func settle(_ app: AppName, untilHealthy: Bool) -> ServiceStatus? {
        guard untilHealthy, let health else { return settled(app) }
        return health.settle(app) { settled(app) }
    }

    /// supervisord says nothing by itself: it is asked until nothing is on its way.
    private func settled(_ app: AppName) -> ServiceStatus? {
        let end = MonotonicTime.now + patience(app)
        var pause: UInt32 = 20_000
        while true {
            guard let status = status(of: app) else { return nil }
            if status.state.isSettled || MonotonicTime.now >= end { return status }
            usleep(pause)
            pause = min(pause * 2, 200_000)
        }
    }

    /// Stops all processes of an app and waits for that. nil when the app is not known.
    public func stop(_ app: AppName) -> ServiceStatus? {
        attempt(app) { () throws(SupervisordFailure) in try stop(app, SupervisordConnection(context)) }
        return changed(app)
    }

    func restart(_ app: AppName) {
        _ = stop(app)
        changing.withLock { _ in
            attempt(app) { () throws(SupervisordFailure) in
                var changes: SupervisordConnection.Changes?
                try begin(app, try SupervisordConnection(context), &changes)
            }
        }
        _ = changed(app)
    }

    private func changed(_ app: AppName) -> ServiceStatus? {
        let status = settled(app)
        health?.look(app)
        return status.map { health?.judged($0) ?? $0 }
    }

    /// Asks supervisord for every app that gwe manages or took over. While it cannot be reached, all are UNKNOWN with
    /// the reason.
    public func statuses() -> [ServiceStatus] {
        let statuses: [ServiceStatus]
        do throws(SupervisordFailure) {
            statuses = try SupervisordSurvey(self, SupervisordConnection(context)).statuses(failures.withLock { $0 })
        } catch {
            statuses = SupervisordSurvey.unknown(knownApps(), error.description)
        }
        return statuses.map { health?.judged($0) ?? $0 }
    }

    /// Names the apps whose health is not checked, in place of those named before.
    public func hold(_ apps: Set<AppName>) { health?.hold(apps) }

    /// supervisord keeps the logs of its programs itself.
    public func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>) {}

    /// Stops nothing but the checks: the apps are supervisord's, which goes on.
    public func shutdown() { health?.end() }

    /// Why supervisord cannot be asked, in words: it is not reached, goes down, or makes no sense. nil while it can.
    public func outage() -> String? {
        do throws(SupervisordFailure) {
            try SupervisordConnection(context).ping()
            return nil
        } catch {
            return error.isOutage ? error.description : nil
        }
    }

    // MARK: what is known

    /// Whether gwe installed it as a service.
    func isManaged(_ app: AppName) -> Bool {
        FileTree.exists(store.programPath(app)) || FileTree.exists(store.servicePath(app))
    }

    /// Apps that gwe manages, and those that it took over.
    func knownApps() -> Set<AppName> {
        let names = (try? FileTree.list(context.folders.stateFolder + "/services")) ?? []
        let managed = names.filter { $0.hasSuffix(".json") }.compactMap { AppName(String($0.dropLast(5))) }
        return Set(managed).union(TakenOverApps.load(context.folders).versions.keys)
    }

    /// How long a start and a stop may take at most before nobody waits any more; supervisord goes on all the same.
    private func patience(_ app: AppName) -> Duration {
        let definition = ServiceConfiguration(context: context).definitions(of: [app]).first
        return .seconds((definition?.stopWaitSeconds ?? 30) + (definition?.startSeconds ?? 10) + 15)
    }

    private func attempt(_ app: AppName, _ body: () throws(SupervisordFailure) -> Void) {
        do throws(SupervisordFailure) {
            try body()
            failures.withLock { $0[app] = nil }
        } catch {
            failures.withLock { $0[app] = error.description }
        }
    }

    func processes(
        of app: AppName, _ connection: SupervisordConnection
    ) throws(SupervisordFailure) -> [SupervisordProcess] {
        SupervisordConnection.processes(of: app, among: try connection.processes())
    }

    /// Stops all processes of an app and waits for that; a process that does not end in time is an error.
    func stop(_ app: AppName, _ connection: SupervisordConnection) throws(SupervisordFailure) {
        let end = MonotonicTime.now + patience(app)
        for process in try processes(of: app, connection) where process.isUp { try connection.stop(process) }
        var pause: UInt32 = 20_000
        while let process = try processes(of: app, connection).first(where: { $0.isUp || $0.state == .stopping }) {
            guard MonotonicTime.now < end else {
                throw .fault(method: "stopProcess", code: 0, text: "\(process.specification) does not stop")
            }
            // BACKOFF can come back between two looks.
            if process.state == .backoff { try connection.stop(process) }
            usleep(pause)
            pause = min(pause * 2, 200_000)
        }
    }
}
