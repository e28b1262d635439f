internal import GatewayModel
internal import GatewaySystem

/// What a release needs of this machine: looked for before anything is interrupted for it.
extension StepRunner {
    /// What is missing that a step could not do without. That counts against no release: it may be installed any minute.
    func missing(before step: Step, _ work: AppProgress) -> StepFailure? {
        guard work.failure == nil, work.plan.action != .remove, let release = work.release else { return nil }
        switch step {
        case .install where release.state != .installed && runsInstaller(work, release):
            // What the service needs may be what the installer brings.
            return missingForInstaller(release).map(StepFailure.missing)
        case .install, .stop, .activate, .configure:
            if work.hasWhatItNeeds { return nil }
            let words = missingForService(work)
            work.hasWhatItNeeds = words == nil
            return words.map(StepFailure.missing)
        case .download, .verify, .unpack, .start, .uninstall, .remove, .prune: return nil
        }
    }

    private func runsInstaller(_ work: AppProgress, _ release: ReleaseRecord) -> Bool {
        if work.plan.action == .repair, release.installed.kind == .oneOff { return false }
        return store.hasInstaller(work.app, release.installed.folder)
    }

    private func missingForInstaller(_ release: ReleaseRecord) -> String? {
        let folder = store.path(release.app, release.installed.folder)
        let needs = needs(path: ProcessFacts.environment["PATH"] ?? StepRunner.standardPath)
        if FileTree.exists(folder + "/install.sh") {
            return needs.missing(of: folder + "/install.sh", called: "install.sh")
        }
        return needs.missing(inPath: "python3", neededBy: "setup.py")
    }

    /// What the app's processes need that is not here, in words; nil for an app that is not to run.
    func missingForService(_ work: AppProgress) -> String? {
        guard work.desired?.state.value == .running, let release = work.release,
            let made = try? ServiceConfiguration(context: context, policy: policy).make(release, desired: work.desired)
        else { return nil }
        for definition in made.definitions {
            if let words = missing(for: definition, in: store.path(work.app, release.installed.folder)) { return words }
        }
        return nil
    }

    private func missing(for definition: ServiceDefinition, in folder: String) -> String? {
        let current = context.folders.currentLink(of: definition.app)
        // Before the swap `current` leads elsewhere.
        func place(_ path: String) -> String {
            if path == current { return folder }
            return path.hasPrefix(current + "/") ? folder + path.dropFirst(current.count) : path
        }
        if let user = definition.user, !UserIdentity.exists(user) {
            return "user '\(user)' is missing, as whom \(definition.app) is to run: create it "
                + "(useradd --system \(user)), or name another"
        }
        guard let program = definition.command.first else { return nil }
        let needs = needs(path: searchPath(of: definition))
        guard program.utf8.contains(UInt8(ascii: "/")) else {
            // One that the release has is a mistake in the package.
            if FileTree.exists("\(folder)/\(program)") { return nil }
            return needs.missing(inPath: program, neededBy: definition.app.text)
        }
        let path = program.hasPrefix("/") ? place(program) : "\(place(definition.directory))/\(program)"
        return needs.missing(of: path, called: program)
    }

    /// The PATH that a process is started with; empty where somebody else starts it, in an environment of its own.
    private func searchPath(of definition: ServiceDefinition) -> String {
        if let path = definition.environment["PATH"] { return path }
        guard services != nil, context.configuration.services != .supervisord else { return "" }
        return ProcessFacts.environment["PATH"] ?? StepRunner.standardPath
    }

    private func needs(path: String) -> ProgramNeeds {
        // What another app brings may come within this very pass.
        let folders = [context.folders.releasesFolder, context.folders.dataFolder]
        return ProgramNeeds(ownFolders: folders, searchPath: path)
    }
}
