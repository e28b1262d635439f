public import GatewayModel

extension AppStatusDocument {
    /// What is said of an app.
    public init(_ status: AppStatus) {
        app = status.name
        desired = status.desired
        source = status.origin.description
        installed = status.installed?.version
        digest = status.installed.flatMap { $0.digest == .unknown ? nil : $0.digest }
        kind = status.installed.map { Word($0.kind) }
        sync = SyncWord(status)
        drift = status.drift.map(DriftDocument.init)
        health = Word(status.health)
        healthReason = status.service?.health?.reason
        state = status.state
        pid = status.service?.pid
        uptime = status.service?.uptime.map(EngineReport.uptimeText)
        exitStatus = status.service.flatMap { service in service.lastExit.map { _ in service.exitStatus } }
        restarts = status.service?.restarts
        reason = status.reason
        nextAction = status.nextAction.map(Word.init)
        lastError = status.lastError
        processes = (status.service?.processes ?? []).map(ProcessDocument.init)
        heldBy = status.holder?.description
        stoppedBy = status.stopper?.description
        waits = status.waits
        uptimeSeconds = status.service?.uptime?.components.seconds
    }
}

extension ProcessDocument {
    /// What a supervisor says of one process.
    public init(_ status: ServiceStatus) {
        process = status.process ?? ""
        state = status.state.rawValue
        pid = status.pid
        uptime = status.uptime.map(EngineReport.uptimeText)
        exitStatus = status.lastExit.map { _ in status.exitStatus }
        restarts = status.restarts
        lastError = status.trouble
        uptimeSeconds = status.uptime?.components.seconds
    }
}
