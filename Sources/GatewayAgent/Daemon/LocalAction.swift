public import GatewayModel
internal import GatewaySystem
public import Wire

/// What an operator says while no daemon runs: it is made durable, and holds when one starts. supervisord, where it
/// supervises, does it at once.
public enum LocalAction {
    /// - Returns: what the command ends with, its message, and what a person should know besides.
    public static func perform(
        _ verb: AppVerb, on app: AppName, _ context: GatewayContext
    ) -> (exit: ExitStatus, message: String, notes: [String]) {
        do throws(LockedState.Failure) {
            let state = try LockedState(context: context, purpose: "\(verb.rawValue)")
            let command = AppCommand(
                context: context, journal: state.journal, services: SupervisordServices(ifChosenIn: context))
            do throws(AppCommand.Refusal) {
                let answer = try command.perform(verb, on: app)
                return (.success, answer.message, answer.notes)
            } catch {
                return (error.exit, error.description, [])
            }
        } catch {
            return (error.exit, error.description, [])
        }
    }

    /// Installs packages by hand: the operator layer takes them, and one pass of just those apps follows.
    public static func install(
        tarballs: [String], allowsDowngrade: Bool = false, _ context: GatewayContext,
        emit: @escaping @Sendable (PassEvent) -> Void
    ) -> ExitStatus {
        var apps: Set<AppName> = []
        do throws(LockedState.Failure) {
            let state = try LockedState(context: context, purpose: "-I")
            let commands = OperatorCommands(context: context, journal: state.journal)
            do throws(StepFailure) {
                apps = try commands.install(tarballs: tarballs, allowsDowngrade: allowsDowngrade)
            } catch {
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
        var options = PassOptions(.install)
        options.only = apps
        options.isOffline = true
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
        var options = PassOptions(.remove)
        options.only = [app]
        options.isOffline = true
        options.removed = [app]
        options.purges = isPurge
        return options
    }
}

extension AppCommand.Refusal {
    /// What a command without a daemon ends with.
    fileprivate var exit: ExitStatus {
        switch self {
        case .unknownApp: .noSuchApp
        case .unsupervised, .outage: .unavailable
        case .journal(let error): error.exit
        case .refused: .failure
        }
    }
}
