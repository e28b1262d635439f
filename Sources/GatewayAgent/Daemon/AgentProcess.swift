internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// What lives as long as the process does: the loop, the supervisor and the state folder. A `Daemon` with its socket and
/// its passes is put on top, and taken down for a stop or for an exec in place; when that exec fails, a new one is put
/// there, and the apps never notice.
final class AgentProcess: Sendable {
    private enum Order: Sendable { case stop, exec }

    private struct Orders: Sendable {
        var order: Order?
        /// Whether an exec in place is being prepared.
        var isReplacing = false
        var daemon: Daemon?
    }

    private let context: GatewayContext
    private let state: LockedState
    private let image: ProgramImage
    private let log: @Sendable (PassEvent) -> Void
    private let loop: EventLoop
    private let services: HealthWatch
    private let notices = ManagerNotices()
    private let orders = Mutex(Orders())

    /// How long a stop waits for the step that runs.
    private static let stopPatience: Duration = .seconds(20)
    /// How long the end waits for those who are being told of it.
    private static let readerPatience: Duration = .seconds(2)

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
        try loop.onSignals([SIGTERM, SIGINT, SIGHUP, SIGUSR1]) { reference.process?.receive($0) }
        try loop.reapOrphans()
        let below: any ServiceManager =
            if let external = SupervisordServices(ifChosenIn: context) { external } else {
                try Supervisor(loop: loop, stateFolder: context.folders.stateFolder) { _ in reference.process?.changed()
                }
            }
        // Children that an exec in place left to us are known now.
        OwnChildren.reapOrphans()
        services = HealthWatch(below, loop: loop, caFile: context.configuration.caFile) { app, health in
            switch health {
            case .unhealthy(let reason): log(.problem("\(app): \(reason)"))
            case .healthy: log(.note("\(app) is healthy"))
            case .starting: break
            }
        }
        reference.process = self
    }

    func run() throws(SystemError) -> ExitStatus {
        if let distrust = FileTree.distrust(ofSocket: context.folders.socketFile) {
            log(.result(.notPermitted, "cannot listen on \(context.folders.socketFile): \(distrust)"))
            return .notPermitted
        }
        notices.keepWatchdog(on: loop) { [weak self] in
            self?.orders.withLock { $0.daemon?.passes.isAlive ?? true } ?? false
        }
        while true {
            switch try serve() {
            case .stop: return .success
            case .exec:
                let lock = state.lock.heldDescriptor
                let error = image.replaceProcess(
                    keeping: [lock], adding: [DaemonProcess.lockVariable: "\(lock)"])
                log(.problem("not replaced: \(error)"))
                guard hasEndedPasses() else {
                    log(.problem("the pass before does not end; gwe ends, and the apps run on"))
                    return .tryLater
                }
                ChildProcess.goOn()
                orders.withLock { $0 = Orders() }
            }
        }
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

    /// A service changed its state.
    private func changed() { orders.withLock(\.daemon)?.tellStatus() }

    // MARK: serving

    /// Serves until an order comes, and takes down what the order does not keep.
    private func serve() throws(SystemError) -> Order {
        let daemon = Daemon(context: context, state: state, services: services, notices: notices, loop: loop, log: log)
        let watch = try? loop.onChange(ofFile: context.manifestFile, handler: { daemon.wake(.manifestChanged) })
        if watch == nil { log(.note("\(context.manifestFile) is not watched: a change is seen at the next poll")) }
        DaemonProcess.export(context, log)
        let api = ControlAPI(daemon: daemon) { [self] () throws(ProgramImage.Refusal) in try replace() }
        let socket = try listen(api)
        let usage = collectUsage()
        orders.withLock { $0.daemon = daemon }
        let passes = try BackgroundThread("gwe-passes") { [notices] in
            daemon.startInstalledApps()
            notices.ready()
            daemon.runPasses()
        }
        // A step that outlasts the patience of a stop must not keep the process.
        passes.detach()
        let cloudWatch = CloudWatch.start(
            context, journal: state.journal, timing: daemon.timing, log: log
        ) { daemon.wake($0) }
        daemon.watch(with: cloudWatch)
        log(.note("gwe \(AgentVersion.text) is up, socket \(context.folders.socketFile)"))
        loop.run { orders.withLock { $0.order != nil } }
        let order = orders.withLock { $0.order } ?? .stop
        cloudWatch?.end()
        switch order {
        case .stop: stop(daemon)
        case .exec: notices.reloading("a new program takes over")
        }
        // An installer that outlasted the patience would go on beside the one that the next daemon starts.
        ChildProcess.killRunning()
        daemon.passes.abandon()
        api.waitForReaders(timeout: AgentProcess.readerPatience)
        socket.stop()
        daemon.closeConnection()
        usage?.stop()
        watch?.close()
        cloudWatch?.waitForEnd(patience: AgentProcess.readerPatience)
        return order
    }

    /// Takes what every process of this gateway counts. Where it cannot, those that may write usage.db do so themselves.
    private func collectUsage() -> UsageCollector? {
        do throws(SystemError) {
            return try UsageCollector(stateFolder: context.folders.stateFolder, clock: context.usageClock) { [log] in
                log(.problem($0))
            }
        } catch {
            log(.problem("usage of other processes is not counted: \(error)"))
            return nil
        }
    }

    private func stop(_ daemon: Daemon) {
        let farewell = "the daemon is stopping"
        log(.note("stopping"))
        notices.stopping("stopping the apps")
        daemon.passes.end(.atNextStep, farewell: farewell)
        services.endWaits()
        let patience = MonotonicTime.now + AgentProcess.stopPatience
        services.shutdown()
        _ = daemon.passes.waitForEnd(timeout: max(.zero, MonotonicTime.now.duration(to: patience)))
    }

    private func listen(_ api: ControlAPI) throws(SystemError) -> LocalHTTPServer {
        _ = try FileTree.makeDirectory(context.folders.runFolder)
        // Of the daemon's own group: who may open it may install packages, which token_group is not asked to grant.
        var server = LocalHTTPServer.Configuration(address: .unix(path: context.folders.socketFile, mode: 0o660))
        server.connectionLimit = 64
        return try LocalHTTPServer(server) { request in api.answer(request) }
    }
}

/// Where signals and changes go once there is a process object.
private final class ProcessReference: Sendable {
    private struct Box: Sendable { weak var process: AgentProcess? }
    private let box = Mutex(Box())

    var process: AgentProcess? {
        get { box.withLock { $0.process } }
        set { box.withLock { $0.process = newValue } }
    }
}
