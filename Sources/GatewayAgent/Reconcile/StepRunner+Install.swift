internal import GatewayModel
internal import Glibc
internal import GatewaySystem

extension StepRunner {
    /// How long an installer may take (docs/packages.md#installsh).
    static let installTimeout: Duration = .seconds(15 * 60)
    /// Where programs are looked for when gwe's own environment has no PATH.
    static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    /// How much of an installer's output is kept for `fetch_status` (D7).
    static let keptOutputByteCount = 4_096

    /// Installs, and makes sure that the release can be configured while what is in force still runs. The installer may
    /// write `supervisor.conf`, so that this cannot be known earlier.
    func installChecked(_ work: AppProgress) throws(StepFailure) -> StepResult {
        let result = try install(work)
        if let release = work.release {
            _ = try ServiceConfiguration(context: context, policy: policy).make(release, desired: work.desired)
            if let words = missingForService(work) { throw .missing(words) }
            work.hasWhatItNeeds = true
        }
        return result
    }

    /// Runs `install.sh`, else `setup.py`, in the release folder; then records what belongs to the release.
    ///
    /// The attempt is counted before it starts, so that an installer that takes the gateway down does not do so
    /// forever. A crash leaves the release in the state `installing`: the next pass unpacks it anew. What an installer
    /// that failed has left is taken away at once: nobody knows what it has made of the folder, and the next attempt
    /// unpacks anew.
    func install(_ work: AppProgress) throws(StepFailure) -> StepResult {
        do throws(StepFailure) {
            return try runInstaller(work)
        } catch {
            // The artifact stays for the next attempt. What cannot be removed now is removed by the next recovery.
            if error.kind == .release, let release = work.release {
                try? discard(release, keepingArtifacts: [release.artifact])
                leaveNothing(work)
            }
            throw error
        }
    }

    private func runInstaller(_ work: AppProgress) throws(StepFailure) -> StepResult {
        guard let release = work.release else { throw StepFailure(.local, "internal error: nothing was unpacked") }
        let folder = store.path(work.app, release.installed.folder)
        work.release?.state = .installing
        let installer = try installer(in: folder)
        // A one-off has run for this version and digest; a repair brings its files back and does not run it again.
        if work.plan.action == .repair, release.installed.kind == .oneOff {
            setInstalled(work, inventory: release.inventory, byteCount: release.installed.unpackedByteCount)
            return .done("files restored; its installer has run before")
        }
        guard let installer else {
            setInstalled(work, inventory: release.inventory, byteCount: release.installed.unpackedByteCount)
            report(work, .installSuccess, "installed; the package has no installer", output: "")
            return .done("no installer")
        }
        let completed = try runScript(installer, in: folder, work, timeout: StepRunner.installTimeout)
        let output = completed.outputText
        guard completed.succeeded else {
            let why = completed.timedOut ? "did not end within 15 minutes" : "ended with \(completed.exitInWords)"
            let words = completed.lastLine.map { ": \($0)" } ?? ""
            throw StepFailure(.release, "\(installer.name) \(why)\(words)", output: output)
        }
        FaultPoint.pass("install.ran")
        let inventory = try recordInventory(work, release, folder: folder)
        setInstalled(work, inventory: inventory.digest, byteCount: inventory.byteCount)
        // At once, and durable before anything else happens: an installer that has run must not run again.
        hasInstalled = true
        try commit(isDurable: false)
        FaultPoint.pass("install.installed")
        report(work, .installSuccess, "\(installer.name) ended with exit code 0", output: output)
        return .done("\(installer.name) ended with exit code 0")
    }

    /// What is recorded with the beginning of the install step: the attempt, and that the folder is no longer as it
    /// was unpacked. Where nothing of the package runs, it stays so: a power cut leaves a release that is unpacked.
    func installBegins(_ work: AppProgress) -> Change? {
        guard let release = work.release, let wish = work.plan.wish else { return nil }
        let (app, bootID, now, runs) = (work.app, context.bootID, context.clock(), runsInstaller(work))
        return { c throws(DatabaseError) in
            try c.countAttempt(app, wish, at: now)
            if runs { try c.setState(.installing, of: release.id, bootID: bootID, at: now) }
        }
    }

    /// Whether the install step runs a program of the package.
    func runsInstaller(_ work: AppProgress) -> Bool {
        guard let release = work.release?.installed, work.plan.action != .repair || release.kind != .oneOff else {
            return false
        }
        return store.hasInstaller(work.app, release.folder)
    }

    private func setInstalled(_ work: AppProgress, inventory: String, byteCount: Int64) {
        guard let id = work.release?.id else { return }
        let (bootID, now) = (context.bootID, context.clock())
        note { c throws(DatabaseError) in
            try c.setInstalled(id, inventory: inventory, unpackedByteCount: byteCount, bootID: bootID, at: now)
        }
        work.release?.state = .installed
        work.release?.inventory = inventory
    }

    /// Runs `uninstall.sh` of the release in force. Its failure is told but does not keep an app on the gateway.
    func uninstall(_ work: AppProgress) throws(StepFailure) -> StepResult {
        guard let release = work.before else { return .already() }
        let folder = store.path(work.app, release.installed.folder)
        guard FileTree.exists(folder + "/uninstall.sh") else { return .already("no uninstall.sh") }
        let script = Script(name: "uninstall.sh", executable: "./uninstall.sh", arguments: [])
        // As before a removal.
        try commit()
        do throws(StepFailure) {
            let completed = try runScript(script, in: folder, work, timeout: StepRunner.installTimeout)
            FaultPoint.pass("uninstall.ran")
            if completed.succeeded { return .done("uninstall.sh ended with exit code 0") }
            let why = completed.timedOut ? "did not end within 15 minutes" : "ended with \(completed.exitInWords)"
            let words = completed.lastLine.map { ": \($0)" } ?? ""
            emit(.problem("\(work.app): uninstall.sh \(why); the app is removed all the same\(words)"))
            return .done("uninstall.sh \(why)")
        } catch {
            emit(.problem("\(work.app): \(error); the app is removed all the same"))
            return .done(error.description)
        }
    }

    struct Script: Sendable {
        var name: String
        var executable: String
        var arguments: [String]
    }

    private func installer(in folder: String) throws(StepFailure) -> Script? {
        if FileTree.exists(folder + "/install.sh") {
            if let reason = ProgramFile.whyNotExecutable(folder + "/install.sh") {
                guard reason.isOfMachine else {
                    throw StepFailure(.release, "install.sh is not executable: set its x bit before packing")
                }
                var failure = StepFailure(.local, "install.sh cannot run: \(reason.words)")
                failure.isOfMachine = true
                throw failure
            }
            return Script(name: "install.sh", executable: "./install.sh", arguments: [])
        }
        if FileTree.exists(folder + "/setup.py") {
            return Script(name: "setup.py", executable: "python3", arguments: ["setup.py", "install"])
        }
        return nil
    }

    private func runScript(
        _ script: Script, in folder: String, _ work: AppProgress, timeout: Duration
    ) throws(StepFailure) -> ChildProcess.Completed {
        let data = context.folders.dataFolder(of: work.app)
        let syncsEach = syncsEach
        // What an installer makes is synced as a whole; `uninstall.sh` needs it no longer than the app is there.
        try system { () throws(SystemError) in _ = try FileTree.makeDirectory(data, isDurable: syncsEach) }
        let environment = scriptEnvironment(folder: folder, data: data, work)
        do throws(ProcessError) {
            return try ChildProcess.run(
                script.executable, script.arguments, environment: environment, directory: folder, timeout: timeout,
                outputLimit: StepRunner.keptOutputByteCount)
        } catch {
            throw StepFailure(error)
        }
    }

    /// The gateway's own environment, so that proxies and locale reach an installer as they did under Gateway Engine (unless
    /// `policy.environment` is `clean`),
    /// and the variables of docs/packages.md#installsh.
    private func scriptEnvironment(folder: String, data: String, _ work: AppProgress) -> [String: String] {
        var environment = ChildEnvironment.of(ProcessFacts.environment, isClean: policy.environment == .clean)
        environment["PATH"] = environment["PATH"] ?? StepRunner.standardPath
        environment["GWE_APP"] = work.app.text
        environment["GWE_VERSION"] = (work.release ?? work.before)?.installed.version.text ?? ""
        environment["GWE_PREVIOUS_VERSION"] =
            work.plan.action == .install ? "" : work.before?.installed.version.text ?? ""
        environment["GWE_RELEASE_DIR"] = folder
        environment["GWE_CURRENT_DIR"] = context.folders.currentLink(of: work.app)
        environment["GWE_DATA_DIR"] = data
        return environment
    }
}
