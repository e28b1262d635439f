public import GatewayModel
internal import GatewaySystem

/// What an operator says while no daemon runs: it is made durable, and holds when one starts. supervisord, where it
/// supervises, does it at once.
public enum LocalAction {
    public static func perform(_ verb: AppVerb, on app: AppName, _ context: GatewayContext) -> (ExitStatus, String) {
        do throws(LockedState.Failure) {
            let state = try LockedState(context: context, purpose: "\(verb.rawValue)")
            do throws(JournalError) {
                let commands = OperatorCommands(context: context, journal: state.journal)
                guard try commands.isKnown(app) else { return (.noSuchApp, "no such app: \(app)") }
                switch verb {
                case .hold: try commands.hold(app)
                case .unhold: try commands.unhold(app)
                case .stop: try commands.stop(app)
                case .start: try commands.start(app)
                case .restart where context.configuration.services == .supervisord: try commands.start(app)
                case .restart: return (.unavailable, "nothing is supervised: no daemon is running (gwe run)")
                }
                if let services = SupervisordServices(ifChosenIn: context), verb != .hold, verb != .unhold {
                    return services.carryOut(verb, on: app)
                }
                switch verb {
                case .hold, .unhold: return (.success, "\(app): \(verb.done(nil))")
                case .start, .stop, .restart:
                    return (.success, "\(app): noted; it holds when a daemon runs (gwe run)")
                }
            } catch {
                return (.inputOutputError, error.description)
            }
        } catch {
            return (error.exit, error.description)
        }
    }

    /// Installs packages by hand: the operator layer takes them, and one pass of just those apps follows.
    public static func install(
        tarballs: [String], _ context: GatewayContext, emit: @escaping @Sendable (PassEvent) -> Void
    ) -> ExitStatus {
        var apps: Set<AppName> = []
        do throws(LockedState.Failure) {
            let state = try LockedState(context: context, purpose: "-I")
            let commands = OperatorCommands(context: context, journal: state.journal)
            do throws(StepFailure) { apps = try commands.install(tarballs: tarballs) } catch {
                emit(.problem(error.description))
                switch error.kind {
                case .release: return .badInput
                case .noSpace: return .noSpace
                case .local, .unavailable: return .noInput
                }
            }
        } catch {
            emit(.problem(error.description))
            return error.exit
        }
        var options = PassOptions()
        options.only = apps
        options.isOffline = true
        options.reason = "gwe install"
        return LocalPass.reconcile(context, options, emit: emit).exit
    }

    /// Removes an app that only the operator named: its wish is taken back, and one pass of just that app follows.
    public static func remove(
        _ app: AppName, isPurge: Bool, _ context: GatewayContext, emit: @escaping @Sendable (PassEvent) -> Void
    ) -> ExitStatus {
        do throws(LockedState.Failure) {
            let state = try LockedState(context: context, purpose: "remove")
            let commands = OperatorCommands(context: context, journal: state.journal)
            do throws(RemovalRefusal) { try commands.takeBack(app, isPurge: isPurge) } catch {
                emit(.problem(error.description))
                return error.exit
            }
        } catch {
            emit(.problem(error.description))
            return error.exit
        }
        return LocalPass.reconcile(context, .removal(of: app, isPurge: isPurge), emit: emit).exit
    }
}

extension PassOptions {
    /// The pass that removes an app which the operator took back.
    static func removal(of app: AppName, isPurge: Bool) -> PassOptions {
        var options = PassOptions()
        options.only = [app]
        options.isOffline = true
        options.removed = [app]
        options.purges = isPurge
        options.reason = "gwe remove"
        return options
    }
}
