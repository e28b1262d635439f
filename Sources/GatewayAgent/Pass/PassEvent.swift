public import Documents
public import GatewayModel

/// What a pass says while it works. The same JSON objects go to `--json`, over the daemon's socket and to the renderer
/// for people, so that all three tell one story.
public enum PassEvent: Sendable {
    /// Something a person should know; not an error.
    case note(String)
    /// Input that was rejected, or an app that failed.
    case problem(String)
    case plan(Plan)
    case step(AppName, Step, StepOutcome, message: String)
    /// Bytes of an artifact that are here, and how many there will be.
    case progress(AppName, byteCount: Int64, total: Int64?)
    /// The last event of every pass.
    case result(ExitStatus, String)

    public var json: JSONValue {
        switch self {
        case .note(let text): ["type": "note", "message": .string(text)]
        case .problem(let text): ["type": "problem", "message": .string(text)]
        case .plan(let plan): plan.json
        case .step(let app, let step, let outcome, let message):
            [
                "type": "step", "app": .string(app.text), "step": .string(step.rawValue),
                "outcome": .string(outcome.rawValue), "message": .string(message),
            ]
        case .progress(let app, let byteCount, let total):
            [
                "type": "progress", "app": .string(app.text), "bytes": .int(byteCount),
                "total": total.map(JSONValue.int) ?? .null,
            ]
        case .result(let status, let summary):
            ["type": "result", "exit": .int(Int64(status.rawValue)), "message": .string(summary)]
        }
    }
}

/// What a pass is asked to do.
public struct PassOptions: Sendable {
    /// Where a pass stops (`--until`).
    public enum Until: String, Sendable, CaseIterable {
        /// Artifacts are in `downloads/`.
        case download
        /// Releases are unpacked and checked.
        case stage
    }

    public var isDryRun = false
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

    public init(_ reason: PassReason = .commandLine) { self.reason = reason }
}

/// How a pass ended.
public struct PassResult: Sendable {
    public var exit: ExitStatus
    public var summary: String
    var isCloudUnreachable = false
    var talk = CloudTalk.notAsked
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
        guard mayHaveAskedCloud else { return }
        talk = .failed(
            CloudFailure(description: error.description, trouble: error.isNoSpace ? .noSpace : .storage))
    }
}
