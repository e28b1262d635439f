public import GatewayModel
internal import Glibc
internal import GatewaySystem

/// `gwe run`: the process around a `Daemon`. The main thread sleeps until a signal comes, an app writes or ends, or the
/// manifest changes.
public enum DaemonProcess {
    /// Runs until SIGTERM or SIGINT. SIGHUP runs a pass; SIGUSR1 makes the program that is now at gwe's own path this
    /// process, which goes on with the same apps, pipes and pid. Call it while the process has one thread.
    public static func run(_ context: GatewayContext, log: @escaping @Sendable (PassEvent) -> Void) -> ExitStatus {
        DescriptorLimit.raise()
        let image: ProgramImage
        let state: LockedState
        do throws(SystemError) { image = try ProgramImage.current() } catch {
            log(.result(.systemError, "\(startFailure)\(error)"))
            return .systemError
        }
        do throws(LockedState.Failure) { state = try openState(context, log) } catch {
            log(.result(error.exit, "\(startFailure)\(error.description)"))
            return error.exit
        }
        for problem in context.configurationProblems { log(.problem(problem)) }
        context.keepConfiguration()
        let process: AgentProcess
        do throws(SystemError) { process = try agent(context, state, image, log) } catch {
            log(.result(.systemError, "\(startFailure)\(error)"))
            return .systemError
        }
        do throws(SystemError) { return try process.run() } catch {
            log(.result(.systemError, "\(error)"))
            return .systemError
        }
    }

    /// What lives as long as the process; a lack of memory or descriptors may pass within a second.
    private static func agent(
        _ context: GatewayContext, _ state: LockedState, _ image: ProgramImage,
        _ log: @escaping @Sendable (PassEvent) -> Void
    ) throws(SystemError) -> AgentProcess {
        do throws(SystemError) {
            return try AgentProcess(context: context, state: state, image: image, log: log)
        } catch {
            guard error.isShortage else { throw error }
            usleep(500_000)
        }
        return try AgentProcess(context: context, state: state, image: image, log: log)
    }

    /// Opens the state folder; waits for the pass of a command line that has it, but for another daemon only as long as one
    /// that was killed may take to end: its lock is free when its last thread is gone, a moment after its pid looks dead.
    private static func openState(
        _ context: GatewayContext, _ log: (PassEvent) -> Void
    ) throws(LockedState.Failure) -> LockedState {
        var hasTold = false
        let inherited = inheritedLock(context)
        let deadline = MonotonicTime.now + .seconds(2)
        while true {
            do throws(LockedState.Failure) {
                return try LockedState(
                    context: context, purpose: daemonPurpose, lock: inherited, mayBeUnwritable: true)
            } catch {
                guard let holder = error.holder else { throw error }
                if holder.purpose == daemonPurpose {
                    guard MonotonicTime.now < deadline else { throw error }
                    usleep(50_000)
                    continue
                }
                if !hasTold { log(.note("waiting: \(error)")) }
                hasTold = true
            }
            usleep(200_000)
        }
    }

    static let daemonPurpose = "run"

    /// How the result of a daemon begins that never came up: no pass has ended there.
    public static let startFailure = "the daemon does not start: "

    /// Names the descriptor of the state lock, across an exec in place and no further.
    static let lockVariable = "GWE_STATE_LOCK"

    /// Closes what the caller left open, but for the lock of an exec in place. Call it before anything is opened here.
    public static func closeInheritedDescriptors() {
        let lock = getenv(lockVariable).flatMap { Int32(String(cString: $0)) }
        InheritedDescriptors.close(keeping: [lock].compactMap(\.self))
    }

    /// The lock that this process had before it executed itself anew.
    private static func inheritedLock(_ context: GatewayContext) -> StateLock? {
        defer { unsetenv(lockVariable) }
        guard let text = getenv(lockVariable), let descriptor = Int32(String(cString: text)) else { return nil }
        return StateLock.inherit(descriptor, context.folders.stateFolder, purpose: daemonPurpose)
    }
}

extension DaemonProcess {
    /// Keeps Gateway.cfg current for old apps that read it (D25).
    static func export(_ context: GatewayContext, _ log: (PassEvent) -> Void) {
        do {
            let path = try GatewayConfigExport.update(context.configuration, folders: context.folders)
            if let path { log(.note("wrote \(path)")) }
        } catch {
            log(.problem("\(error)"))
        }
    }
}

extension GatewayContext {
    /// Keeps the configuration in force as the last good one, if nothing but unknown keys was wrong with its files.
    func keepConfiguration() {
        let store = ConfigurationStore(folders: folders)
        guard let now = try? store.inForce(), now.refusal == nil else { return }
        store.keep(now.configuration)
    }
}

extension Daemon {
    private func lookAtConfiguration() {
        do {
            let now = try ConfigurationStore(folders: context.folders).inForce(isTolerant: true)
            for problem in now.problems { log(.problem(problem)) }
            guard now.refusal == nil else { return }
            context.keepConfiguration()
            if now.configuration.settings.mapValues(\.value) != context.configuration.settings.mapValues(\.value) {
                log(
                    .note(
                        "gateway.yaml has changed: that comes into force when gwe is started again, or takes itself over "
                            + "(SIGUSR1)"))
            }
        } catch {
            log(.problem("\(error)"))
        }
    }

    /// Asks for a whole pass.
    func wake(_ reason: PassReason, listener: PassQueue.Listener? = nil) {
        passes.enqueue(.init(options: PassOptions(reason), listener: listener))
    }

    /// Reads everything again, as `systemctl reload` asks. A changed gateway.yaml is looked at; it comes into force with the
    /// next start.
    func reload() {
        notices.reloading("reading everything again")
        lookAtConfiguration()
        wake(.reload) { [notices] event in
            if case .result = event { notices.reloaded() }
        }
    }
}
