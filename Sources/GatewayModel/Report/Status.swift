/// One app as `gwe status` shows it: desired against observed, sync and health apart.
public struct AppStatus: Sendable, Hashable {
    /// How what is there stands to what is wanted.
    public enum Sync: String, Sendable, Hashable, CaseIterable {
        case synced, drifted, progressing, held, blocked, quarantined
    }
    /// How well the app runs.
    public enum Health: String, Sendable, Hashable, CaseIterable {
        /// It runs, and its health check has not decided yet.
        case starting
        /// `degraded`: it starts or stops, a signal has stopped its process, or its health check fails.
        case healthy, degraded
        /// It should run and does not.
        case down
        /// Nothing supervises, so nobody knows.
        case unknown
        /// Nothing of it is meant to run.
        case none
    }

    /// The app that the line is about.
    public var name: AppName
    /// The version that is wanted; nil when the app is to be absent, or no layer names a version.
    public var desired: Version?
    /// The release in force; nil when nothing is installed.
    public var installed: InstalledRelease?
    /// Whether it is as it is wanted.
    public var sync: Sync
    /// In which ways it drifted.
    public var drift: [Drift]
    /// How well it runs, whatever its version.
    public var health: Health
    /// supervisord's word; `EXITED` for what is no service, `UNKNOWN` when nothing supervises and no process is found, `-`
    /// when nothing is installed.
    public var state: String
    /// What the supervisor says of it; nil when it does not know it, or nothing supervises.
    public var service: ServiceStatus?
    /// Why it is not in sync, or what a pass would do.
    public var reason: String?
    /// What the next pass would do; nil when it is in sync.
    public var nextAction: AppPlan.Action?
    /// The layer that wants its release; `installed` when none does.
    public var origin: Origin
    /// Whether the desired state wants a process of it.
    public var isWantedRunning: Bool
    /// What is wrong with its process now or went wrong last, else why the wanted release or the last pass failed; nil when
    /// nothing did.
    public var lastError: String?
    /// The layer that holds it; nil when nobody does.
    public var holder: Origin?
    /// The layer that wants it stopped; nil when it shall run.
    public var stopper: Origin?
    /// What its next change waits for, such as a window; nil when it waits for nothing that is known before a download.
    public var waits: String?

    /// Whether the next pass would change something of it.
    public var isDue: Bool { sync == .drifted && nextAction != nil }

    /// `drifted(modified, symlink)`, `held`.
    public var syncText: String {
        guard sync == .drifted else { return sync.rawValue }
        var words: [String] = []
        for word in drift.map(\.word) where !words.contains(word) { words.append(word) }
        return words.isEmpty ? "drifted" : "drifted(\(words.joined(separator: ",")))"
    }
}

/// All apps, made from the same values as a plan, so that status and plan never tell two stories.
public struct GatewayStatus: Sendable, Hashable {
    /// By name.
    public var apps: [AppStatus]
    /// Whether there is a supervisor to ask. Without one nobody knows what runs.
    public var isSupervised: Bool
    /// Rejected input and other troubles that are in force.
    public var problems: [String]

    /// - Parameters:
    ///   - services: what the supervisor says; nil when nothing supervises.
    ///   - progressing: apps that a running pass is working on.
    ///   - left: what runs though nothing supervises: a daemon that was killed leaves its apps.
    public init(
        desired: DesiredState, observed: ObservedState, plan: Plan, services: [AppName: ServiceStatus]?,
        progressing: Set<AppName> = [], problems: [String] = [], left: [AppName: ServiceStatus] = [:]
    ) {
        isSupervised = services != nil
        self.problems = problems + plan.errors
        let planned = Dictionary(plan.apps.map { ($0.app, $0) }, uniquingKeysWith: { first, _ in first })
        let wanted = desired.apps.values.filter { $0.state.value != .absent || observed.apps[$0.name] != nil }.map(
            \.name)
        apps = Set(wanted).union(observed.apps.keys).sorted().map { name in
            GatewayStatus.status(
                of: name, wish: desired.apps[name], there: observed.apps[name], planned: planned[name],
                drift: plan.drift[name] ?? [], service: services == nil ? left[name] : services?[name],
                isSupervised: services != nil,
                isProgressing: progressing.contains(name), quarantine: observed.quarantined[name])
        }
    }

    private static func status(
        of name: AppName, wish: DesiredApp?, there: ObservedApp?, planned: AppPlan?, drift: [Drift],
        service: ServiceStatus?, isSupervised: Bool, isProgressing: Bool, quarantine: Quarantine?
    ) -> AppStatus {
        let isService = there?.current.kind == .service
        let isWanted = wish?.state.value == .running && isService
        let isFailing = quarantine.map { $0.wish == wish?.release?.value } ?? false
        var status = AppStatus(
            name: name, desired: wish?.state.value == .absent ? nil : wish?.release?.value.version,
            installed: there?.current,
            sync: sync(planned, drift: drift, isProgressing: isProgressing), drift: drift,
            health: health(service, isService: isService, isWanted: isWanted, isSupervised: isSupervised, there: there),
            state: word(service, isService: isService, isSupervised: isSupervised, there: there), service: service,
            reason: planned?.reason, nextAction: planned?.action, origin: wish?.release?.origin ?? .installed,
            isWantedRunning: isWanted, lastError: service?.trouble ?? (isFailing ? quarantine?.lastError : nil))
        status.holder = wish?.hold.value == true ? wish?.hold.origin : nil
        status.stopper = wish?.state.value == .stopped ? wish?.state.origin : nil
        status.waits = planned?.deferral
        return status
    }

    private static func sync(_ planned: AppPlan?, drift: [Drift], isProgressing: Bool) -> AppStatus.Sync {
        if isProgressing { return .progressing }
        guard let planned else { return drift.isEmpty ? .synced : .drifted }
        switch planned.action {
        case .held: return .held
        case .blocked: return planned.quarantine == nil ? .blocked : .quarantined
        case .install, .upgrade, .downgrade, .remove, .repair, .restart: return .drifted
        }
    }

    private static func health(
        _ service: ServiceStatus?, isService: Bool, isWanted: Bool, isSupervised: Bool, there: ObservedApp?
    ) -> AppStatus.Health {
        guard there != nil else { return .none }
        guard isService else { return .healthy }
        guard isWanted else { return .none }
        guard isSupervised, let service else { return isSupervised ? .down : .unknown }
        switch service.state {
        case .running where service.problem != nil: return .degraded
        case .running:
            switch service.health {
            case .unhealthy: return .degraded
            case .starting: return .starting
            case .healthy, nil: return .healthy
            }
        case .starting, .stopping: return .degraded
        case .exited: return service.hasEndedWell ? .healthy : .down
        case .stopped, .backoff, .fatal, .unknown: return .down
        }
    }

    private static func word(
        _ service: ServiceStatus?, isService: Bool, isSupervised: Bool, there: ObservedApp?
    ) -> String {
        guard there != nil else { return "-" }
        guard isService else { return "EXITED" }
        guard isSupervised || service != nil else { return "UNKNOWN" }
        return (service?.state ?? .stopped).rawValue
    }

    /// Exit precedence 4, 3, 1, 0 (D14); 4 is the caller's, who knows which app was asked for.
    public var exit: ExitStatus {
        let down = apps.contains { app in
            guard app.isWantedRunning, app.sync != .held else { return false }
            switch app.health {
            case .down, .unknown: return true
            case .starting, .healthy, .degraded, .none: return false
            }
        }
        if down { return .notRunning }
        let bad = apps.contains {
            $0.sync != .synced && $0.sync != .held || $0.health == .degraded || $0.health == .starting
        }
        return bad || !problems.isEmpty ? .failure : .success
    }

    /// How many apps are in each of the other states; with those in sync and drifted, the first four are all there are.
    public var others: [(name: String, count: Int)] {
        [
            ("held", apps.count { $0.sync == .held }), ("blocked", apps.count { $0.sync == .blocked }),
            ("quarantined", apps.count { $0.sync == .quarantined }),
            ("progressing", apps.count { $0.sync == .progressing }),
            ("degraded", apps.count { $0.health == .degraded || $0.health == .starting }),
            ("down", apps.count { $0.health == .down }), ("stopped", apps.count { $0.stopper != nil }),
        ]
    }

    /// Counts for the summary line and for `engine_report`.
    public var drifted: Int { apps.count { $0.sync == .drifted } }
    /// Apps that are as they are wanted.
    public var synced: Int { apps.count { $0.sync == .synced } }
    /// Apps that are blocked, quarantined or down.
    public var failed: Int {
        apps.count { $0.sync == .blocked || $0.sync == .quarantined || $0.health == .down }
    }
}
