internal import Documents
internal import GatewayModel

/// What an operator tells a running daemon to do with one app.
extension Daemon {
    /// Does what an operator says, durably and at once. A pass that runs meanwhile was planned before, and might start
    /// what is stopped here: then a new one follows it.
    ///
    /// Apps that others require: one that is to start waits until those that it requires are up, and is started by itself
    /// when they are; one that is stopped leaves those running that require it, and they are named. A restart that could
    /// not start the app again stops nothing.
    func perform(_ verb: AppVerb, on app: AppName) throws(ActionFailure) -> JSONValue {
        if verb == .restart { try mayRestart(app) }
        do throws(ActionFailure) { try record(verb, on: app) } catch {
            // A full disk is no reason to let that run which fills it.
            guard case .refused(let why) = error, verb == .stop, let stopped = services.stop(app) else { throw error }
            throw .refused("\(app): \(stopped.state.rawValue), but the next pass may start it again: \(why)")
        }
        var notes: [String] = []
        switch verb {
        case .hold, .unhold: tellHolds()
        case .stop:
            _ = services.stop(app)
            if let note = dependants(of: app) { notes.append(note) }
        case .start, .restart:
            let definitions = try definitions(of: app)
            if verb == .restart { _ = services.stop(app) }
            for required in definitions[0].requires where services.status(of: required)?.state == .starting {
                _ = services.settle(required)
            }
            if let problem = services.bringUp(app, definitions) {
                throw .refused("\(app): \(waiting(definitions[0]) ?? problem)")
            }
        }
        let state = services.status(of: app)?.state.rawValue
        return [
            "message": .string("\(app): \(verb.done(state))"), "state": .string(state ?? ""),
            "notes": .array(notes.map(JSONValue.string)),
        ]
    }

    private func record(_ verb: AppVerb, on app: AppName) throws(ActionFailure) {
        let commands = OperatorCommands(context: context, journal: state.journal)
        var isKnown = false
        do throws(JournalError) {
            isKnown = try commands.isKnown(app)
            if isKnown { try record(verb, on: app, commands) }
        } catch {
            throw .refused(error.description)
        }
        guard isKnown else { throw .unknownApp(app) }
        if verb != .restart, passes.isBusy { wake("gwe \(verb.rawValue) \(app)") }
    }

    private func record(_ verb: AppVerb, on app: AppName, _ commands: OperatorCommands) throws(JournalError) {
        switch verb {
        case .hold: try commands.hold(app)
        case .unhold: try commands.unhold(app)
        case .stop: try commands.stop(app)
        // Who restarts an app that was stopped wants it to run, also after the next pass.
        case .start, .restart: try commands.start(app)
        }
    }

    /// Of all processes of an app; at least one.
    private func definitions(of app: AppName) throws(ActionFailure) -> [ServiceDefinition] {
        let definitions = ServiceConfiguration(context: context).definitions(of: [app])
        guard !definitions.isEmpty else { throw .refused("\(app) is not installed, or is no service") }
        return definitions
    }

    /// A restart of a running app stops it only if it can come up again.
    private func mayRestart(_ app: AppName) throws(ActionFailure) {
        guard services.status(of: app)?.state.hasProcess == true else { return }
        if let waiting = waiting(try definitions(of: app)[0]) { throw .refused("\(app): not restarted: it \(waiting)") }
    }

    /// "waits for db, which is STOPPED: gwe start db"; nil when all that it requires is up.
    private func waiting(_ definition: ServiceDefinition) -> String? {
        let missing = definition.requires.sorted().compactMap { name -> (AppName, ServiceStatus)? in
            guard let status = services.status(of: name), !status.isUp else { return nil }
            return (name, status)
        }
        guard !missing.isEmpty else { return nil }
        let which = missing.map { "\($0.0), which is \($0.1.stateInWords)" }.joined(separator: ", and ")
        let stopped = missing.filter { $0.1.state == .stopped }.map { "gwe start \($0.0)" }
        return "waits for \(which)" + (stopped.isEmpty ? "" : ": " + stopped.joined(separator: "; "))
    }

    /// "shop and till require db, and go on without it"; nil when nothing that runs does.
    private func dependants(of app: AppName) -> String? {
        let running = services.statuses().filter { $0.state.hasProcess && $0.app != app }.map(\.app)
        let definitions = ServiceConfiguration(context: context).definitions(of: running)
        let names = Set(definitions.filter { $0.requires.contains(app) }.map(\.app.text)).sorted()
        guard !names.isEmpty else { return nil }
        let isOne = names.count == 1
        return "\(names.joined(separator: " and ")) \(isOne ? "requires" : "require") \(app), and "
            + "\(isOne ? "goes" : "go") on without it"
    }
}

extension ServiceStatus {
    /// Whether apps that require this one may start: it runs and its health check, if it has one, has passed; or it ended
    /// as it should. What is held is not checked. See `ServiceSlot.isUp`.
    var isUp: Bool {
        state == .running && (health == nil || health == .healthy) || state == .exited && problem == nil
    }

    /// "STOPPED", "RUNNING and unhealthy".
    var stateInWords: String {
        guard state == .running, let health, health != .healthy else { return state.rawValue }
        return "\(state.rawValue) and \(health == .starting ? "not healthy yet" : health.word)"
    }
}
