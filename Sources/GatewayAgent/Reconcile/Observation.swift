internal import GatewayModel
internal import GatewaySystem

/// What there is on the gateway at one moment: the journal's inventory, the disk held against it, and what supervises.
/// Costly to make (every file of every release is looked at), cheap to plan with: a pass makes one before it acts and one
/// after, and plans again from the first when the cloud has changed the wish meanwhile. Making it writes nothing.
struct Observation {
    let context: GatewayContext
    let records: [AppName: AppRecord]
    /// nil when nothing supervises.
    let services: [AppName: ServiceStatus]?
    private let observer: Observer
    /// How the files of each release in force differ from its inventory.
    private let damage: [AppName: Observer.Damage]
    private let freeByteCount: Int64?

    /// - Parameter isDeep: see `PassOptions.isDeep`.
    init(
        context: GatewayContext, journal: Journal?, services: [AppName: ServiceStatus]?, isDeep: Bool = false
    ) throws(JournalError) {
        self.context = context
        self.services = services
        records = try journal?.apps() ?? [:]
        let observer = Observer(context: context, isDeep: isDeep)
        self.observer = observer
        damage = records.compactMapValues { $0.current.map(observer.damage) }
        freeByteCount = observer.freeByteCount
    }

    /// What could not be looked at, a sentence each.
    var troubles: [String] { damage.sorted { $0.key < $1.key }.compactMap(\.value.trouble) }

    /// What the removal of an app gives back: as much as its releases and kept packages hold.
    private func reclaimable(_ record: AppRecord?) -> Int64 {
        let store = ReleaseStore(folders: context.folders)
        let releases = record?.all ?? []
        let packages = Set(releases.map(\.artifact)).filter { !$0.isEmpty }
        return releases.reduce(0) { $0 + max(0, $1.installed.unpackedByteCount) }
            + packages.reduce(0) { $0 + (FileTree.byteCount(ofFile: store.artifactPath($1)) ?? 0) }
    }

    /// The wish that each installed release fulfils.
    var installedWishes: [AppName: ReleaseWish] { records.compactMapValues { $0.current?.wish } }

    /// Merges the layers and plans, for what was observed.
    func snapshot(
        _ inputs: DesiredInputs, journal: Journal?, only: Set<AppName>? = nil
    ) throws(JournalError) -> Snapshot {
        let desired = inputs.merged(installed: installedWishes)
        var observed = ObservedState(minuteOfDay: context.trust.reading.localMinuteOfDay)
        observed.clockDoubt = context.trust.doubt
        observed.freeByteCount = freeByteCount
        for (name, record) in records {
            guard let current = record.current else { continue }
            let isService = current.installed.kind == .service
            var app = ObservedApp(
                current: current.installed,
                drift: observer.drift(
                    of: current, damage: damage[name]?.drift ?? [], desired: desired.apps[name],
                    policy: desired.policy),
                isRunning: isService ? services.map { $0[name]?.isRunning ?? false } : nil,
                hasEndedWell: services?[name]?.hasEndedWell ?? false)
            app.earlier = record.others.filter(\.activated).map(\.installed)
            app.isHealthy = isService ? services?[name].flatMap(\.isWell) : nil
            observed.apps[name] = app
        }
        for name in Array(observed.apps.keys) where desired.apps[name].map({ $0.state.value == .absent }) ?? true {
            observed.apps[name]?.reclaimableByteCount = reclaimable(records[name])
        }
        TakenOverApps.complete(&observed, context, desired: desired, services: services)
        observed.quarantined =
            try journal?.quarantines(wishes: desired.apps.compactMapValues { $0.release?.value }) ?? [:]
        return Snapshot(
            desired: desired, records: records, services: services, observed: observed,
            plan: Plan.make(desired: desired, observed: observed, only: only))
    }
}

/// Everything that a plan is made of, and the plan.
struct Snapshot {
    var desired: DesiredState
    var records: [AppName: AppRecord]
    var services: [AppName: ServiceStatus]?
    var observed: ObservedState
    var plan: Plan

    /// Every app that is installed or wanted.
    var knownApps: Set<AppName> { Set(records.keys).union(desired.apps.keys) }

    /// The apps that are held.
    var heldApps: Set<AppName> { desired.heldApps }

    /// What status and reports are made of.
    /// - Parameters:
    ///   - progressing: the apps that the running pass works on.
    ///   - problems: what is wrong with the inputs, in words.
    ///   - left: what runs though nothing supervises, see `LeftProcesses`.
    func status(
        progressing: Set<AppName> = [], problems: [String], left: [AppName: ServiceStatus] = [:]
    ) -> GatewayStatus {
        GatewayStatus(
            desired: desired, observed: observed, plan: plan, services: services, progressing: progressing,
            problems: problems, left: left)
    }

    /// Which of these apps no layer names and nobody installed.
    func unknown(of only: Set<AppName>?) -> [AppName] {
        (only ?? []).filter { desired.apps[$0] == nil && records[$0] == nil && !desired.dropped.contains($0) }
            .sorted()
    }

    /// Finds out which packages are here, how large the others are and whether the data budget allows them, and plans
    /// again with that. Does nothing where nothing is to be downloaded.
    /// - Parameters:
    ///   - cloud: nil where it cannot be asked.
    ///   - emit: hears what is wrong with the counts.
    mutating func surveyDownloads(
        _ context: GatewayContext, cloud: (any CloudLink)?, only: Set<AppName>?, emit: (PassEvent) -> Void
    ) {
        guard plan.apps.contains(where: { $0.steps.contains(.download) }) else { return }
        observed.allowance = DataBudgetLedger(context: context).allowance(desired.policy) { emit(.problem($0)) }
        ArtifactSurvey(context: context, records: records, cloud: cloud).survey(
            plan, urgent: Set(desired.apps.values.filter(\.urgent).map(\.name)), into: &observed)
        plan = Plan.make(desired: desired, observed: observed, only: only)
    }

    /// Whether an app is to be removed only because no layer names it any more.
    var removesWhatIsNoLongerNamed: Bool { plan.apps.contains(where: \.isOfNoLayer) }

    /// Adds the removal of apps that the operator took back and that were never in force: what an attempt left.
    mutating func takeAway(_ options: PassOptions) {
        for app in options.removed.sorted() where desired.apps[app] == nil {
            guard !plan.apps.contains(where: { $0.app == app }) else { continue }
            plan.apps.append(
                AppPlan(
                    app: app, action: .remove, reason: "taken back by the operator", origin: .operatorCommand,
                    steps: [.remove]))
        }
    }
}

extension AppPlan {
    /// Whether the app is to be removed because no layer names it any more.
    var isOfNoLayer: Bool { action == .remove && origin == .installed }
}

extension DesiredState {
    /// The apps that are held.
    var heldApps: Set<AppName> { Set(apps.values.filter(\.hold.value).map(\.name)) }
}
