internal import GatewayModel
internal import GatewaySystem
internal import Wire

/// What an operator tells one app to do: `gwe start|stop|restart|hold|unhold`, in a daemon and without one.
///
/// The word is made durable in the operator's layer, then done at once by whoever supervises; a pass that runs meanwhile
/// was planned before, and might start what is stopped here: the caller has another one follow it. A crash in between
/// loses nothing: the next pass does what the layer says.
///
/// Apps that others require: one that is to start waits until those that it requires are up, and is started by itself
/// when they are; one that is stopped leaves those running that require it, and they are named. A restart that could
/// not start the app again stops nothing.
struct AppCommand {
    /// Why an operator's word on an app came to nothing.
    enum Refusal: Error, CustomStringConvertible {
        case unknownApp(AppName)
        /// Nothing supervises, and the verb needs somebody who does.
        case unsupervised
        /// Whoever supervises cannot be reached; what was said is noted.
        case outage(String)
        /// The journal cannot be written or read.
        case journal(JournalError)
        case refused(String)

        var description: String {
            switch self {
            case .unknownApp(let app): "no such app: \(app)"
            case .unsupervised: "nothing is supervised: no daemon is running (gwe run)"
            case .outage(let why), .refused(let why): why
            case .journal(let error): error.description
            }
        }
    }

    /// What was done.
    struct Answer: Sendable {
        var message: String
        /// supervisord's word; nil where nothing supervises.
        var state: String?
        var notes: [String] = []
    }

    let context: GatewayContext
    let journal: Journal
    /// nil where nothing supervises: then the word is noted, and holds when something does.
    let services: (any ServiceManager)?
    /// Called once the word is durable.
    var recorded: (AppVerb, AppName) -> Void = { _, _ in }

    /// Does what an operator says, durably and at once.
    func perform(_ verb: AppVerb, on app: AppName) throws(Refusal) -> Answer {
        if services == nil, verb == .restart {
            try requireKnown(app)
            throw .unsupervised
        }
        if verb == .restart { try mayRestart(app) }
        do throws(Refusal) { try record(verb, on: app) } catch {
            // A full disk is no reason to let that run which fills it.
            guard case .journal(let why) = error, verb == .stop, let stopped = services?.stop(app) else { throw error }
            // What filled it writes no more.
            do throws(Refusal) { try record(verb, on: app) } catch {
                throw .refused("\(app): \(stopped.state.rawValue), but the next pass may start it again: \(why)")
            }
        }
        recorded(verb, app)
        guard let services else {
            let isHold = verb == .hold || verb == .unhold
            return Answer(message: "\(app): \(isHold ? verb.done(nil) : noted(verb, app))")
        }
        let notes = try carryOut(verb, on: app, by: services)
        let state = services.status(of: app)?.state.rawValue
        if verb == .stop, state == nil { return Answer(message: "\(app): noted: \(unsupervised(app))", notes: notes) }
        return Answer(message: "\(app): \(verb.done(state))", state: state, notes: notes)
    }

    /// Why whoever supervises does not know an app.
    private func unsupervised(_ app: AppName) -> String {
        guard let installed = try? journal.apps()[app]?.current, installed.installed.kind != .service else {
            return "it is not supervised yet, and is not started once it is installed"
        }
        return "it is no service, so nothing of it runs"
    }

    /// What is so while nothing supervises.
    private func noted(_ verb: AppVerb, _ app: AppName) -> String {
        guard verb == .stop, let left = LeftProcesses.find(context.folders.stateFolder)[app], let pid = left.pid else {
            return "noted; it holds when a daemon runs (gwe run)"
        }
        return
            "noted, but not stopped: it runs as process \(pid), left by a daemon that is gone; the next daemon stops it "
            + "(gwe run)"
    }

    /// Returns what a person should know besides.
    private func carryOut(
        _ verb: AppVerb, on app: AppName, by services: any ServiceManager
    ) throws(Refusal) -> [String] {
        switch verb {
        case .hold, .unhold:
            do throws(JournalError) {
                services.hold(try DesiredInputs.load(context: context, journal: journal).heldApps(journal))
            } catch {
                throw .journal(error)
            }
        case .stop:
            let stopped = services.stop(app)
            if let problem = stopped?.problem, stopped?.state.hasProcess == true {
                throw failure("\(app): \(problem)", services)
            }
            return [dependants(of: app, services)].compactMap(\.self)
        case .start, .restart:
            let definitions = try definitions(of: app)
            if verb == .restart { _ = services.stop(app) }
            for required in definitions[0].requires where services.status(of: required)?.state == .starting {
                _ = services.settle(required)
            }
            if let problem = services.bringUp(app, definitions) {
                throw failure("\(app): \(waiting(definitions[0], services) ?? problem)", services)
            }
        }
        return []
    }

    private func failure(_ words: String, _ services: any ServiceManager) -> Refusal {
        services.outage() == nil ? .refused(words) : .outage(words)
    }

    // MARK: the operator's layer

    private func requireKnown(_ app: AppName) throws(Refusal) {
        let (isKnown, isInstalled): (Bool, Bool)
        do throws(JournalError) {
            isKnown = try OperatorCommands(context: context, journal: journal).isKnown(app)
            isInstalled = isKnown ? true : try journal.apps()[app]?.current != nil
        } catch {
            throw .journal(error)
        }
        if !isKnown {
            guard isInstalled else { throw .unknownApp(app) }
            throw .refused("nothing wants \(app) any more: it is to be removed, see 'gwe status \(app)'")
        }
    }

    private func record(_ verb: AppVerb, on app: AppName) throws(Refusal) {
        try requireKnown(app)
        let commands = OperatorCommands(context: context, journal: journal)
        do throws(JournalError) {
            switch verb {
            case .hold: try commands.hold(app)
            case .unhold: try commands.unhold(app)
            case .stop: try commands.stop(app)
            // Who restarts an app that was stopped wants it to run, also after the next pass.
            case .start, .restart: try commands.start(app)
            }
        } catch {
            throw .journal(error)
        }
    }

    // MARK: apps that require others

    /// Those of all processes of an app; at least one.
    private func definitions(of app: AppName) throws(Refusal) -> [ServiceDefinition] {
        let definitions = ServiceConfiguration(context: context).definitions(of: [app])
        guard !definitions.isEmpty else { throw .refused("\(app) is not installed, or is no service") }
        return definitions
    }

    /// A restart of a running app stops it only if it can come up again.
    private func mayRestart(_ app: AppName) throws(Refusal) {
        guard let services, services.status(of: app)?.state.hasProcess == true else { return }
        if let waiting = waiting(try definitions(of: app)[0], services) {
            throw .refused("\(app): not restarted: it \(waiting)")
        }
    }

    /// "waits for db, which is STOPPED: gwe start db"; nil when all that it requires is up.
    private func waiting(_ definition: ServiceDefinition, _ services: any ServiceManager) -> String? {
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
    private func dependants(of app: AppName, _ services: any ServiceManager) -> String? {
        let running = services.statuses().filter { $0.state.hasProcess && $0.app != app }.map(\.app)
        let definitions = ServiceConfiguration(context: context).definitions(of: running)
        let names = Set(definitions.filter { $0.requires.contains(app) }.map(\.app.text)).sorted()
        guard !names.isEmpty else { return nil }
        let isOne = names.count == 1
        return "\(names.joined(separator: " and ")) \(isOne ? "requires" : "require") \(app), and "
            + "\(isOne ? "goes" : "go") on without it"
    }
}

extension DesiredInputs {
    /// The apps that are held, whoever holds them.
    func heldApps(_ journal: Journal) throws(JournalError) -> Set<AppName> {
        let desired = merged(installed: try journal.apps().compactMapValues { $0.current?.wish })
        return Set(desired.apps.values.filter(\.hold.value).map(\.name))
    }
}

extension ServiceStatus {
    /// Whether apps that require this one may start: it runs and its health check, if it has one, has passed; or it ended
    /// as it should. What is held is not checked. See `Service.isUp`.
    var isUp: Bool {
        state == .running && (health == nil || health == .healthy) || state == .exited && problem == nil
    }

    /// "STOPPED", "RUNNING and unhealthy".
    var stateInWords: String {
        guard state == .running, let health, health != .healthy else { return state.rawValue }
        return "\(state.rawValue) and \(health == .starting ? "not healthy yet" : health.word)"
    }
}
