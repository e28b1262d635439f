/// What the programs of gwe end with (docs/commands.md#exit-codes). An API: never reuse a number.
public enum ExitStatus: Int32, Sendable, Hashable, CaseIterable {
    case success = 0
    /// `reconcile`: failed, or an app is blocked; its dry run: could not plan; `status`: degraded or drifted.
    case failure = 1
    /// `reconcile --dry-run`: changes are pending.
    case changesPending = 2
    /// `status`: a wanted app is not running.
    case notRunning = 3
    /// `status`: no such app.
    case noSuchApp = 4
    /// `reconcile`: failed, and what was there before is in force.
    case rolledBack = 20
    /// `reconcile`: failed, and so did the way back.
    case rollbackIncomplete = 21
    /// `reconcile`: some work waits for a window, a hold or a budget.
    case deferred = 22
    case noSpace = 60
    // sysexits.h
    case usage = 64
    case badInput = 65
    case noInput = 66
    case unavailable = 69
    case internalError = 70
    case systemError = 71
    case cannotCreate = 73
    case inputOutputError = 74
    case tryLater = 75
    case notPermitted = 77
    case badConfiguration = 78

    /// One line for `gwe exit-codes`.
    public var meaning: String {
        switch self {
        case .success: "converged; dry run: in sync; status: all synced and running; doctor: nothing failed"
        case .failure: "failed; dry run: could not plan; status: degraded or drifted; doctor: a check failed"
        case .changesPending: "dry run: changes are pending"
        case .notRunning: "status: a wanted app is not running"
        case .noSuchApp: "no such app"
        case .rolledBack: "reconcile failed; what was there before is in force"
        case .rollbackIncomplete: "reconcile failed, and so did the way back"
        case .deferred: "work waits for a window, a hold or a budget"
        case .noSpace: "not enough space"
        case .usage: "the command line is wrong"
        case .badInput: "a manifest, a package or another input is wrong"
        case .noInput: "an input file is missing"
        case .unavailable: "the cloud, a package or a daemon is needed and out of reach"
        case .internalError: "an error in gwe itself"
        case .systemError: "the system refused a call"
        case .cannotCreate: "a file cannot be created"
        case .inputOutputError: "reading or writing failed"
        case .tryLater: "try again later: another gwe is at work, or the clock is not trusted"
        case .notPermitted: "not permitted"
        case .badConfiguration: "gateway.yaml is wrong or incomplete"
        }
    }
}
