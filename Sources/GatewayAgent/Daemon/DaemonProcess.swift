public import GatewayModel
internal import Glibc
internal import GatewaySystem

/// `gwe run`: the process around a `Daemon`. The main thread sleeps until a signal comes or the manifest changes.
public enum DaemonProcess {
    /// Runs until SIGTERM or SIGINT.
    public static func run(_ context: GatewayContext, log: @escaping @Sendable (PassEvent) -> Void) -> ExitStatus {
        let state: OpenState
        do throws(OpenState.Failure) { state = try openState(context, log) } catch {
            log(.result(error.exit, error.description))
            return error.exit
        }
        do throws(SystemError) {
            return try serve(context, state, log)
        } catch {
            log(.result(.systemError, "\(error)"))
            return .systemError
        }
    }

    /// Opens the state folder; waits for the pass of a command line that has it, but not for another daemon.
    private static func openState(
        _ context: GatewayContext, _ log: (PassEvent) -> Void
    ) throws(OpenState.Failure) -> OpenState {
        var hasTold = false
        while true {
            do throws(OpenState.Failure) {
                return try OpenState(context: context, purpose: daemonPurpose)
            } catch {
                guard let holder = error.holder, holder.purpose != daemonPurpose else { throw error }
                if !hasTold { log(.note("waiting: \(error)")) }
                hasTold = true
            }
            usleep(200_000)
        }
    }

    private static let daemonPurpose = "run"

    /// How long a stop waits for the step that runs.
    private static let stopPatience: Duration = .seconds(20)

    private static func serve(
        _ context: GatewayContext, _ state: OpenState, _ log: @escaping @Sendable (PassEvent) -> Void
    ) throws(SystemError) -> ExitStatus {
        ProcessMemory.shareHeap()
        // Signals first: every thread that starts later has them blocked.
        let loop = try EventLoop()
        try loop.onSignals([SIGTERM, SIGINT]) { _ in loop.stop() }
        let below: any ServiceManager =
            if let external = SupervisordServices(ifChosenIn: context) { external } else {
                try Supervisor(loop: loop, stateFolder: context.folders.stateFolder)
            }
        let services = HealthWatch(below, loop: loop, caFile: context.configuration.caFile) { app, health in
            switch health {
            case .unhealthy(let reason): log(.problem("\(app): \(reason)"))
            case .healthy: log(.note("\(app) is healthy"))
            case .starting: break
            }
        }
        let daemon = Daemon(context: context, state: state, services: services, log: log)
        try loop.onSignals([SIGHUP]) { _ in daemon.wake("SIGHUP") }
        let watch = try? loop.onChange(ofFile: context.manifestFile, handler: { daemon.wake("the manifest changed") })
        if watch == nil { log(.note("\(context.manifestFile) is not watched: a change is seen at the next poll")) }
        export(context, log)
        _ = try FileTree.makeDirectory(context.folders.runFolder)
        var server = LocalHTTPServer.Configuration(address: .unix(path: context.folders.socketFile, mode: 0o660))
        server.connectionLimit = 64
        let api = ControlAPI(daemon: daemon)
        let socket = try LocalHTTPServer(server) { request in api.answer(request) }
        let passes = try BackgroundThread("gwe-passes") {
            daemon.startInstalledApps()
            daemon.runPasses()
        }
        // A step that outlasts the patience of a stop must not keep the process.
        passes.detach()
        log(.note("gwe \(AgentVersion.text) is up, socket \(context.folders.socketFile)"))
        loop.run()
        log(.note("stopping"))
        services.endWaits()
        daemon.passes.stop(timeout: stopPatience)
        socket.stop()
        services.shutdown()
        watch?.close()
        // An installer that outlasted the patience would go on beside the one that the next daemon starts.
        ChildProcess.killRunning()
        return .success
    }
}

extension DaemonProcess {
    /// Keeps Gateway.cfg current for old apps that read it (rules 25).
    static func export(_ context: GatewayContext, _ log: (PassEvent) -> Void) {
        do {
            let path = try GatewayConfigExport.update(context.configuration, folders: context.folders)
            if let path { log(.note("wrote \(path)")) }
        } catch {
            log(.problem("\(error)"))
        }
    }
}

extension Daemon {
    /// Asks for a whole pass.
    func wake(_ reason: String) {
        var options = PassOptions()
        options.reason = reason
        passes.enqueue(.init(options: options, listener: nil))
    }
}
