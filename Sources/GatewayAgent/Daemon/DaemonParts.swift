internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

extension Daemon {
    /// What serves while this daemon is up, in the order in which it starts. The counter of usage comes before all that may
    /// talk to the cloud, and the socket before the passes, whose first word to a service manager is that it answers.
    func parts(
        _ loop: EventLoop, lostState: @escaping @Sendable () -> Void,
        replace: @escaping @Sendable () throws(ProgramImage.Refusal) -> String
    ) -> [any DaemonPart] {
        let parts: [(any DaemonPart)?] = [
            ManagerWatchdog(notices, loop) { [passes] in passes.isAlive }, signs,
            StateFolderWatch(daemon: self, loop: loop, lost: lostState),
            ManifestWatch(daemon: self, loop: loop), ConfigurationExport(daemon: self), UsageCollection(daemon: self),
            KeptConnection(daemon: self), ControlSocket(daemon: self, replace: replace), PassThread(daemon: self),
            CloudListener(daemon: self),
        ]
        return parts.compactMap(\.self)
    }
}

/// Asks for a pass when the manifest's file changes.
private final class ManifestWatch: DaemonPart {
    private let daemon: Daemon
    private let loop: EventLoop
    private let watch = Lock<FileWatch?>(nil)

    init(daemon: Daemon, loop: EventLoop) {
        self.daemon = daemon
        self.loop = loop
    }

    func start() {
        let path = daemon.context.manifestFile
        let made = try? loop.onChange(ofFile: path, handler: { [daemon] in daemon.wake(.manifestChanged) })
        if made == nil { daemon.log(.note("\(path) is not watched: a change is seen at the next poll")) }
        if let shortage = made?.shortage {
            let every = FileWatch.lookInterval.inWords
            daemon.log(
                .problem(
                    "\(path) is looked at every \(every) only: \(shortage); other programs use up what fs.inotify allows "
                        + "(sysctl fs.inotify.max_user_instances, fs.inotify.max_user_watches)"))
        }
        watch.withLock { $0 = made }
    }

    func stop(_ ending: DaemonEnding) { watch.withLock(\.self)?.close() }
}

/// Notices that the state folder is gone, or that another has taken its place.
private final class StateFolderWatch: DaemonPart {
    private let daemon: Daemon
    private let loop: EventLoop
    private let lost: @Sendable () -> Void
    private let watches = Lock<[FileWatch]>([])

    init(daemon: Daemon, loop: EventLoop, lost: @escaping @Sendable () -> Void) {
        self.daemon = daemon
        self.loop = loop
        self.lost = lost
    }

    func start() {
        let folder = daemon.context.folders.stateFolder
        // The lock goes first when a tree is removed; the folder's own name, when it is renamed.
        let made = [daemon.context.folders.lockFile, folder].compactMap { path in
            try? loop.onChange(
                ofFile: path,
                handler: { [daemon, lost] in
                    if !daemon.state.lock.isInPlace(folder) { lost() }
                })
        }
        watches.withLock { $0 = made }
    }

    func stop(_ ending: DaemonEnding) { for watch in watches.withLock(\.self) { watch.close() } }
}

/// Writes the configuration for old apps, once; passes keep it current.
private struct ConfigurationExport: DaemonPart {
    let daemon: Daemon

    func start() { DaemonProcess.export(daemon.context, daemon.log) }
    func stop(_ ending: DaemonEnding) {}
}

/// Takes what every process of this gateway counts. Where it cannot, those that may write usage.db do so themselves.
private final class UsageCollection: DaemonPart {
    private let daemon: Daemon
    private let collector = Lock<UsageCollector?>(nil)

    init(daemon: Daemon) { self.daemon = daemon }

    func start() {
        let context = daemon.context
        do throws(SystemError) {
            let made = try UsageCollector(stateFolder: context.folders.stateFolder, clock: context.usageClock) {
                [daemon] in daemon.log(.problem($0))
            }
            collector.withLock { $0 = made }
        } catch {
            daemon.log(.problem("usage of other processes is not counted: \(error)"))
        }
    }

    func stop(_ ending: DaemonEnding) { collector.withLock(\.self)?.stop() }
}

/// The connection to the cloud that is kept between passes: its last bytes are counted when it is closed.
private struct KeptConnection: DaemonPart {
    let daemon: Daemon

    func start() {}
    func stop(_ ending: DaemonEnding) { daemon.closeConnection() }
}

/// The socket in `run`, and what it offers.
private final class ControlSocket: DaemonPart {
    private let daemon: Daemon
    private let api: ControlAPI
    private let server = Lock<LocalHTTPServer?>(nil)

    /// How long the end waits for those who are being told of it.
    private static let readerPatience: Duration = .seconds(2)

    init(daemon: Daemon, replace: @escaping @Sendable () throws(ProgramImage.Refusal) -> String) {
        self.daemon = daemon
        api = ControlAPI(daemon: daemon, reexec: replace)
    }

    func start() throws(SystemError) {
        let made = try ControlSocketPlace.make(daemon.context.folders) {
            (path: String) throws(SystemError) -> LocalHTTPServer in
            // Of the daemon's own group: who may open it may install packages, which token_group is not asked to grant.
            var configuration = LocalHTTPServer.Configuration(address: .unix(path: path, mode: 0o660))
            configuration.connectionLimit = 64
            configuration.idleSeconds = 10
            configuration.requestPatience = .seconds(10)
            return try LocalHTTPServer(configuration) { [api] request in api.answer(request) }
        }
        server.withLock { $0 = made }
    }

    func stop(_ ending: DaemonEnding) {
        api.waitForReaders(timeout: ControlSocket.readerPatience)
        server.withLock(\.self)?.stop()
    }
}

/// The thread that starts what is installed and then runs passes. Its stop ends the apps too, for which a pass may be waiting.
private struct PassThread: DaemonPart {
    let daemon: Daemon

    func start() throws(SystemError) {
        let passes = try BackgroundThread("gwe-passes") { [daemon] in
            daemon.startInstalledApps()
            daemon.notices.ready()
            daemon.runPasses()
        }
        // A step that outlasts the patience of a stop must not keep the process.
        passes.detach()
    }

    /// Before an exec the pass has ended already, or outlasted its patience.
    func stop(_ ending: DaemonEnding) {
        if case .stop = ending {
            daemon.passes.end(.atNextStep, farewell: "the daemon is stopping")
            let patience = MonotonicTime.now + AgentProcess.stopPatience
            daemon.services.shutdown()
            _ = daemon.passes.waitForEnd(timeout: max(.zero, MonotonicTime.now.duration(to: patience)))
        }
        // An installer that outlasted the patience would go on beside the one that the next daemon starts.
        ChildProcess.killRunning()
        daemon.passes.abandon()
    }
}

/// Hears of changes in the cloud between passes, where gateway.yaml wishes it.
private final class CloudListener: DaemonPart {
    private let daemon: Daemon
    private let watch = Lock<CloudWatch?>(nil)

    private static let patience: Duration = .seconds(2)

    init(daemon: Daemon) { self.daemon = daemon }

    func start() {
        let made = CloudWatch.start(
            daemon.context, journal: daemon.state.journal, timing: daemon.timing, log: daemon.log
        ) { [daemon] in daemon.wake($0) }
        watch.withLock { $0 = made }
        daemon.watch(with: made)
    }

    func stop(_ ending: DaemonEnding) { watch.withLock(\.self)?.end() }
    func wait() { watch.withLock(\.self)?.waitForEnd(patience: CloudListener.patience) }
}
