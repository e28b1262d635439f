public import GatewayModel
public import Wire

/// Why a pass runs.
public enum PassReason: Sendable, Hashable, CustomStringConvertible {
    /// `gwe reconcile` without a daemon.
    case commandLine
    /// `gwe reconcile` through the daemon's socket.
    case socket
    /// `gwe install`.
    case install
    /// `gwe remove`.
    case remove
    /// What an operator said of an app while a pass was under way.
    case verb(AppVerb, AppName)
    /// The daemon has started.
    case start
    /// The time of the next poll has come.
    case timer
    /// SIGHUP.
    case reload
    case manifestChanged
    /// The watch has heard of a newer value.
    case cloudChanged(CloudResource)
    /// The watch was refused.
    case tokenRefused
    /// A person has put a token in place, or asked for one.
    case tokenSet
    case clockSet
    /// This machine lacked something that it may have by now.
    case machineRetry
    /// A server of packages asked to be left alone until now.
    case packageRetry

    /// The words in the journal and in the log.
    public var description: String {
        switch self {
        case .commandLine: "command line"
        case .socket: "asked for"
        case .install: "gwe install"
        case .remove: "gwe remove"
        case .verb(let verb, let app): "gwe \(verb.rawValue) \(app)"
        case .start: "start"
        case .timer: "timer"
        case .reload: "SIGHUP"
        case .manifestChanged: "the manifest changed"
        case .cloudChanged(let resource): "\(resource) changed in the cloud"
        case .tokenRefused: "the cloud refuses this gateway's token"
        case .tokenSet: "the token was set"
        case .clockSet: "the clock was set"
        case .packageRetry: "another try, when a server of packages asked for it"
        case .machineRetry: "another try, after a lack of space or the like"
        }
    }

    /// Whether a change in the cloud is the reason, not a person or a time.
    var isCloudChange: Bool { if case .cloudChanged = self { true } else { false } }

    /// How much patience with a cloud in trouble a pass for this reason must have.
    var patience: CloudPatience {
        switch self {
        case .timer, .reload, .cloudChanged: .none
        case .commandLine, .socket, .install: .command
        case .remove, .verb, .start, .manifestChanged, .tokenRefused, .tokenSet, .clockSet, .machineRetry,
            .packageRetry:
            .schedule
        }
    }
}

/// When a pass may ask a cloud in trouble.
enum CloudPatience: Sendable, Hashable {
    /// At once: its time has come, or the cloud itself has called.
    case none
    /// At once, but for a series of failures: a crontab may run a command each minute (`CloudSchedule.mayTalkOnCommand`).
    case command
    /// Only when the schedule says so (`CloudSchedule.mayTalk`).
    case schedule
}
