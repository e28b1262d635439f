internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// What a starting daemon makes of releases that are no longer as they were installed: nobody but gwe writes there, so what
/// differs is a damage, or somebody's. It is repaired before it runs, where the first pass can do so with what lies here.
extension Daemon {
    /// Which of these apps are started at once; `withheld` are those that the first pass repairs and starts. Costs no look
    /// at the disk beyond the one that the snapshot is made from.
    func startable(_ apps: [AppName], _ snapshot: Snapshot) -> [AppName] {
        // supervisord has started its apps already.
        let mayWait = context.configuration.services != .supervisord && state.journal.trouble == nil
        let running = services.snapshots().filter { $0.value.pid != nil }
        var waiting: Set<AppName> = []
        for app in apps where running[app] == nil {
            guard let damage = damage(app, snapshot) else { continue }
            if mayWait, isRepairable(app, snapshot) {
                waiting.insert(app)
                log(.note("\(app): \(damage): it is repaired before it is started"))
            } else {
                log(.problem("\(app): \(damage), and it cannot be repaired first: started as it is"))
            }
        }
        let names = waiting
        withheld.withLock { $0 = names }
        return apps.filter { !names.contains($0) }
    }

    /// Starts what the first pass was to repair and did not get to: better as it is than not at all.
    func startWithheld() {
        let apps = withheld.withLock { apps in
            defer { apps = [] }
            return apps
        }
        guard !apps.isEmpty else { return }
        do throws(JournalError) {
            let inputs = try DesiredInputs.load(context: context, journal: state.journal)
            let desired = inputs.merged(installed: try state.journal.apps().compactMapValues { $0.current?.wish })
            let known = services.snapshots()
            for app in apps.sorted() where known[app] == nil && desired.apps[app]?.state.value == .running {
                log(
                    .problem(
                        "\(app): its release differs from what was installed and was not repaired: started as it is"))
                services.launch(ServiceConfiguration(context: context).definitions(of: [app]), now: false)
            }
        } catch {
            log(.problem(error.description))
        }
    }

    private func damage(_ app: AppName, _ snapshot: Snapshot) -> String? {
        let drift = (snapshot.plan.drift[app] ?? []).filter {
            switch $0 {
            case .missing, .modified: true
            case .symlink, .configuration, .healthCheck, .stopped, .version: false
            }
        }
        guard let first = drift.first else { return nil }
        return drift.count == 1 ? first.description : "\(first) and \(drift.count - 1) more of its release differ"
    }

    /// Whether the first pass can repair an app without the network and without waiting for its time.
    private func isRepairable(_ app: AppName, _ snapshot: Snapshot) -> Bool {
        guard let plan = snapshot.plan.apps.first(where: { $0.app == app }), plan.action == .repair,
            plan.deferral == nil, plan.steps.contains(.start), snapshot.plan.shortfall == nil,
            let release = snapshot.records[app]?.current, !release.artifact.isEmpty
        else { return false }
        let path = ReleaseStore(folders: context.folders).artifactPath(release.artifact)
        return FileTree.byteCount(ofFile: path) == release.installed.artifactByteCount
    }
}
