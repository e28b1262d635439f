internal import GatewayModel
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// What lives as long as the process does: the loop, the supervisor and the state folder. A `Daemon` with its socket and
/// its passes is put on top, and taken down for a stop or for an exec in place; when that exec fails, a new one is put
/// there, and the apps never notice.
final class AgentProcess: Sendable {
    private struct Orders: Sendable {
        var order: DaemonEnding?
        /// What the process ends with.
        var exit = ExitStatus.success
        /// Whether an exec in place is being prepared.
        var isReplacing = false
        var daemon: Daemon?
    }

    private let context: GatewayContext
    private let state: LockedState
    private let image: ProgramImage
    private let log: @Sendable (PassEvent) -> Void
    private let loop: EventLoop
    private let services: any ServiceManager
    private let notices = ManagerNotices()
    private let orders = Lock(Orders())

    /// How long a stop waits for the step that runs.
    static let stopPatience: Duration = .seconds(20)

    init(
        context: GatewayContext, state: LockedState, image: ProgramImage, log: @escaping @Sendable (PassEvent) -> Void
    ) throws(SystemError) {
        self.context = context
        self.state = state
        self.image = image
        self.log = log
        ProcessMemory.shareHeap()
        loop = try EventLoop()
        let reference = ProcessReference()
        // Signals first: every thread that starts later has them blocked. The new image of an exec in place has them
        // blocked already, and finds those that came meanwhile.
        try loop.onSignals([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2]) { reference.process?.receive($0) }
        // Their default is to end the process, and its apps would have nobody. SIGALRM is not among them: it ends a new
        // program that hangs. What is started has the defaults.
        for number in [SIGPWR, SIGIO, SIGVTALRM, SIGPROF, SIGXCPU] { signal(number, SIG_IGN) }
        try loop.reapOrphans()
        let health = HealthWatch(loop: loop, caFile: context.configuration.caFile) { app, health in
            switch health {
            case .unhealthy(let reason): log(.problem("\(app): \(reason)"))
            case .healthy: log(.note("\(app) is healthy"))
            case .starting: break
            }
        }
        if let external = SupervisordServices(ifChosenIn: context, health: health) {
            services = external
        } else {
            services = try Supervisor(loop: loop, stateFolder: context.folders.stateFolder, health: health) { _ in
                reference.process?.changed()
            }
        }
        // Children that an exec in place left to us are known now.
        OwnChildren.reapOrphans()
        reference.process = self
    }

    func run() throws(SystemError) -> ExitStatus {
        if let distrust = FileTree.distrust(ofSocket: context.folders.socketFile) {
            let why = "cannot listen on \(context.folders.socketFile): \(distrust)"
            log(.result(.notPermitted, DaemonProcess.startFailure + why))
            return .notPermitted
        }
        while true {
            switch try serve() {
            case .stop: return orders.withLock(\.exit)
            case .exec:
                guard let error = replaceProcess() else {
                    log(.note("stopping"))
                    services.shutdown()
                    return .success
                }
                log(.problem("not replaced: \(error)"))
                guard hasEndedPasses() else {
                    log(.problem("the pass before does not end; gwe ends, and the apps run on"))
                    return .tryLater
                }
                ChildProcess.goOn()
                orders.withLock { $0 = Orders(order: $0.order == .stop ? .stop : nil) }
            }
        }
    }

    /// Lets the new program take this process over, while this thread is the loop's: a signal that comes now waits for the
    /// new program, and no other thread reads it in vain.
    /// - Returns: why it did not come to that; nil when a stop was ordered meanwhile.
    private func replaceProcess() -> (any Error)? {
        let lock = state.lock.heldDescriptor
        var failure: (any Error)?
        loop.run {
            guard orders.withLock({ $0.order }) != .stop else { return true }
            failure = image.replaceProcess(keeping: [lock], adding: [DaemonProcess.lockVariable: "\(lock)"])
            return true
        }
        return failure
    }

    /// Waits for the pass that was to end: two at once would do everything twice.
    private func hasEndedPasses() -> Bool {
        guard let passes = orders.withLock({ $0.daemon?.passes }) else { return true }
        return passes.waitForEnd(timeout: AgentProcess.stopPatience)
    }

    // MARK: orders

    private func receive(_ signal: Int32) {
        let daemon = orders.withLock(\.daemon)
        switch signal {
        case SIGHUP: daemon?.reload()
        case SIGUSR1:
            // Not on the loop: the check runs a program.
            let thread = try? BackgroundThread("gwe-exec") { [self] in
                do throws(ProgramImage.Refusal) { _ = try replace() } catch { log(.problem("not replaced: \(error)")) }
            }
            thread?.detach()
        case SIGUSR2:
            // supervisord's signal for it, which scripts of logrotate send.
            log(.note("SIGUSR2 does nothing: gwe rotates its apps' logs itself"))
        default:
            orders.withLock { $0.order = .stop }
            loop.stop()
        }
    }

    /// Checks the program at gwe's own path and, if it is sound, begins to let it take over once the pass that runs has
    /// ended. Returns its version.
    private func replace() throws(ProgramImage.Refusal) -> String {
        let daemon: Daemon? = orders.withLock { orders in
            guard orders.order == nil, !orders.isReplacing else { return nil }
            orders.isReplacing = true
            return orders.daemon
        }
        guard let daemon else {
            throw ProgramImage.Refusal(description: "a stop or a replacement is under way already")
        }
        let version: String
        do throws(ProgramImage.Refusal) { version = try image.check() } catch {
            orders.withLock { $0.isReplacing = false }
            throw error
        }
        log(.note("gwe \(version) takes over: \(image.path)"))
        let thread = try? BackgroundThread("gwe-exec") { [self] in
            daemon.passes.end(.afterPass, farewell: "gwe \(version) takes over; ask again")
            if !daemon.passes.waitForEnd(timeout: AgentProcess.stopPatience) {
                log(.note("the step that runs did not end within 20 s; it is ended, and begun anew"))
                // If this process goes on after all, that pass must not.
                daemon.passes.end(.atNextStep, farewell: "the pass is begun anew")
            }
            orders.withLock { if $0.order == nil { $0.order = .exec } }
            loop.stop()
        }
        guard let thread else {
            orders.withLock { $0.isReplacing = false }
            throw ProgramImage.Refusal(description: "there is no thread to wait with")
        }
        thread.detach()
        return version
    }

    /// Another folder, or none, is where the state folder was. Nothing that is done from here on could be kept, and another gwe
    /// may be at work in the new one.
    private func lostState() {
        let folder = context.folders.stateFolder
        log(
            .problem(
                "the state folder \(folder) was removed, or another one is in its place: gwe stops its apps and ends; "
                    + "started again it goes on with what is there then"))
        orders.withLock { ($0.order, $0.exit) = (.stop, .inputOutputError) }
        loop.stop()
    }

    /// A service changed its state.
    private func changed() { orders.withLock(\.daemon)?.tellStatus() }

    // MARK: serving

    /// Serves until an order comes, and takes down what the order does not keep.
    private func serve() throws(SystemError) -> DaemonEnding {
        let daemon = Daemon(context: context, state: state, services: services, notices: notices, loop: loop, log: log)
        orders.withLock { $0.daemon = daemon }
        let parts = daemon.parts(
            loop, lostState: { [self] in lostState() },
            replace: { [self] () throws(ProgramImage.Refusal) in try replace() })
        if let trouble = state.journal.trouble {
            log(
                .problem(
                    "\(trouble); the apps run from what is known, and passes change nothing until it can be written"))
        }
        try parts.start()
        log(.note("gwe \(AgentVersion.text) is up, socket \(ControlSocketPlace.find(context.folders))"))
        loop.run { orders.withLock { $0.order != nil } }
        let order = orders.withLock { $0.order } ?? .stop
        switch order {
        case .stop:
            log(.note("stopping"))
            notices.stopping("stopping the apps")
        case .exec: notices.reloading("a new program takes over")
        }
        parts.stop(order)
        return order
    }
}

/// Where signals and changes go once there is a process object.
private final class ProcessReference: Sendable {
    private struct Box: Sendable { weak var process: AgentProcess? }
    private let box = Lock(Box())

    var process: AgentProcess? {
        get { box.withLock { $0.process } }
        set { box.withLock { $0.process = newValue } }
    }
}
