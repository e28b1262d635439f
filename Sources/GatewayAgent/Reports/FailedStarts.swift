internal import GatewayModel
internal import GatewaySystem

/// Releases that came into force and could not be started, of which `fetch_status` says `install_error`. When such an app is
/// up after all, that error is over: its installer had done its work.
struct FailedStarts {
    let journal: Journal

    /// Where the journal keeps it.
    static func key(_ app: AppName) -> String { "failed_start/\(app)" }

    /// Notes that what `fetch_status` says of an artifact is about the start of the app, or about something else (nil).
    func note(_ app: AppName, _ artifact: String?) throws(JournalError) {
        guard try journal.value(FailedStarts.key(app)) != artifact else { return }
        try journal.setValue(FailedStarts.key(app), artifact)
    }

    /// The states of artifacts, with those put right whose app is up now.
    func corrected(
        _ states: [(artifact: String, state: FetchState)], _ status: GatewayStatus
    ) throws(JournalError) -> [(artifact: String, state: FetchState)] {
        var result = states
        for index in states.indices where states[index].state.state.isError {
            guard let app = AppName(states[index].state.name),
                let service = status.apps.first(where: { $0.name == app })?.service,
                service.state == .running || service.hasEndedWell,
                try journal.value(FailedStarts.key(app)) == states[index].artifact
            else { continue }
            result[index].state.state = .installSuccess
            result[index].state.info = "in force; it is up since its first start failed"
        }
        return result
    }

    /// Keeps what `corrected` has put right, so that a later crash of the app is no failed installation.
    func settle(_ status: GatewayStatus) throws(JournalError) {
        let states = try journal.fetchStatus(limit: 50)
        for (before, after) in zip(states, try corrected(states, status)) where before.state != after.state {
            try journal.setFetchStatus(after.artifact, after.state)
            if let app = AppName(after.state.name) { try note(app, nil) }
        }
    }
}
