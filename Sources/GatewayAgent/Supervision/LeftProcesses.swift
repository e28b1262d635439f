internal import GatewayModel
internal import GatewaySystem

/// What a daemon that was killed has left running, for whoever asks while no other one is there. The next daemon adopts it.
enum LeftProcesses {
    /// By app. Empty where the records may not be read.
    static func find(_ stateFolder: String) -> [AppName: ServiceStatus] {
        var found: [AppName: [ServiceStatus]] = [:]
        for (name, process) in RunFolders(stateFolder: stateFolder).running {
            guard let key = ServiceKey(name) else { continue }
            let status = ServiceStatus(
                app: key.app, process: key.process, state: .running, pid: process.pid, uptime: process.uptime,
                adopted: true)
            found[key.app, default: []].append(status)
        }
        return found.compactMapValues { ServiceStatus(of: $0) }
    }
}
