public import GatewayModel
public import Wire

/// What a pass says while it works. The same lines go to `--json`, over the daemon's socket and to the renderer for
/// people, so that all three tell one story.
public enum PassEvent: Sendable {
    /// Something a person should know; not an error.
    case note(String)
    /// Input that was rejected, or an app that failed.
    case problem(String)
    /// What is to be done, before anything is.
    case plan(Plan)
    /// A step has begun or ended; with what it has to say.
    case step(AppName, Step, StepOutcome, message: String)
    /// Bytes of an artifact that are here, and how many there will be.
    case progress(AppName, byteCount: Int64, total: Int64?)
    /// The last event of every pass.
    case result(ExitStatus, String)

    /// The event as others read it.
    public var line: PassLine {
        switch self {
        case .note(let text): .note(text)
        case .problem(let text): .problem(text)
        case .plan(let plan): .plan(PlanDocument(plan))
        case .step(let app, let step, let outcome, let message):
            .step(.init(app: app, step: Word(step), outcome: Word(outcome), message: message))
        case .progress(let app, let byteCount, let total):
            .progress(.init(app: app, byteCount: byteCount, total: total))
        case .result(let status, let summary): .result(exit: status, message: summary)
        }
    }
}

/// What a pass is asked to do.
public struct PassOptions: Sendable {
    /// Where a pass stops (`--until`).
    public typealias Until = PassRequest.Until

    /// Shows the plan and writes nothing.
    public var isDryRun = false
    /// Where the pass stops; nil: not before its end.
    public var until: Until?
    /// Does not talk to the cloud; artifacts that are not here cannot be fetched.
    public var isOffline = false
    /// These apps alone.
    public var only: Set<AppName>?
    /// Rehashes every file instead of comparing size, time, mode and inode.
    public var isDeep = false
    /// Apps that the operator took back. What there is of them goes, also where nothing was ever in force.
    var removed: Set<AppName> = []
    /// Whether the data of `removed` goes as well (D17).
    var purges = false
    /// Whether a person sits at the terminal: then no patience with the cloud holds.
    public var isByHand = false
    /// Why the pass runs.
    public var reason: PassReason
    /// Whether it is about all apps, to the end.
    var isWhole: Bool { only == nil && until == nil }
    /// Whether it only tries again what this machine, or a server of packages, kept the last one from: it asks the cloud
    /// for nothing but packages.
    var isRetry: Bool { reason == .machineRetry || reason == .packageRetry }

    /// A whole pass: everything, the cloud asked when patience with it allows.
    public init(_ reason: PassReason = .commandLine) { self.reason = reason }

    /// A pass that was asked for over the daemon's socket.
    init(_ request: PassRequest) {
        self.init(.socket)
        isOffline = request.isOffline
        isDeep = request.isDeep
        isByHand = request.isByHand
        until = request.until
        only = request.apps.map(Set.init)
    }

    /// The same for a running daemon. It knows neither a dry run nor removals, which have calls of their own.
    public var request: PassRequest {
        var request = PassRequest()
        request.isOffline = isOffline
        request.isDeep = isDeep
        request.isByHand = isByHand
        request.until = until
        request.apps = only?.sorted()
        return request
    }
}

/// How a pass ended.
public struct PassResult: Sendable {
    /// What the command ends with.
    public var exit: ExitStatus
    /// How it ended, in one line for people.
    public var summary: String
    var isCloudUnreachable = false
    var talk = CloudTalk.notAsked
    /// What of this machine was in the way.
    var trouble: MachineTrouble?
    /// How long a server of packages asks to be left alone, that was not waited for; of several the shortest.
    var packageDelay: Duration?
    /// All that is wrong with the inputs, also what the log was told by an earlier pass.
    var inputProblems: [String] = []
    /// Whether the cloud took and answered what it was asked, though perhaps not each package could be fetched.
    var hasReachedCloud: Bool {
        if case .notAsked = talk { false } else { !isCloudUnreachable }
    }

    init(exit: ExitStatus, summary: String) {
        self.exit = exit
        self.summary = summary
    }

    /// A pass that the journal ended. If it may have asked the cloud, that counts as a failed talk: what cannot be kept is
    /// asked for again, and each time costs.
    init(_ error: JournalError, mayHaveAskedCloud: Bool) {
        self.init(exit: error.exit, summary: error.description)
        if error.isOfMachine || error.isNoSpace { trouble = MachineTrouble(words: error.description) }
        guard mayHaveAskedCloud else { return }
        talk = .failed(
            CloudFailure(description: error.description, trouble: error.isNoSpace ? .noSpace : .storage))
    }
}
