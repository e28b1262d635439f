internal import Glibc
internal import GatewaySystem

/// How the time of a `Daemon` ends.
enum DaemonEnding: Sendable {
    /// The process ends, and its apps are stopped.
    case stop
    /// Another program takes this process over; the apps run on. It may not come to that: then a new daemon is put up.
    case exec
}

/// One part of what serves while a `Daemon` is up. `AgentProcess` starts its parts in order, and stops them in the reverse one
/// when all is over: each finds those before it still there. A part is started once and stopped once.
///
/// All calls come from the process's main thread while it is not in the event loop.
protocol DaemonPart: Sendable {
    /// Begins.
    /// - Throws: what keeps the daemon from coming up. Those parts that have begun are stopped, this one is not.
    func start() throws(SystemError)

    /// Ends what it does, or asks for that.
    func stop(_ ending: DaemonEnding)

    /// Waits for what `stop` has asked for, within a patience of its own. Called when all parts are stopped.
    func wait()
}

extension DaemonPart {
    func wait() {}

    /// Begins; what fails for lack of memory, descriptors or the like is tried again a few times within some seconds, because
    /// apps wait for it.
    fileprivate func startPatiently() throws(SystemError) {
        var pauses: [UInt32] = [100_000, 400_000, 1_500_000]
        while true {
            do throws(SystemError) { return try start() } catch {
                // ELIBACC: a library could not be loaded.
                guard error.isShortage || error.code == ELIBACC, !pauses.isEmpty else { throw error }
                usleep(pauses.removeFirst())
            }
        }
    }
}

extension [any DaemonPart] {
    /// Starts all, or none.
    func start() throws(SystemError) {
        for (index, part) in enumerated() {
            do throws(SystemError) { try part.startPatiently() } catch {
                Array(prefix(index)).stop(.exec)
                throw error
            }
        }
    }

    /// Stops all, the last one first, and waits for them.
    func stop(_ ending: DaemonEnding) {
        for part in reversed() { part.stop(ending) }
        for part in reversed() { part.wait() }
    }
}
