public import Documents
public import GatewayModel

/// What a pass says while it works, one JSON object a line (NDJSON): on the daemon's socket and with `--json`.
public enum PassLine: WireValue {
    /// What became of a step, or that it has begun.
    public struct StepLine: Sendable, Equatable {
        /// The app that it is a step of.
        public var app: AppName
        /// The step.
        public var step: Word<Step>
        /// `started` when it begins; later how it ended.
        public var outcome: Word<StepOutcome>
        /// What is to be said of it; empty for nothing.
        public var message: String

        /// A step of an app.
        public init(app: AppName, step: Word<Step>, outcome: Word<StepOutcome>, message: String) {
            self.app = app
            self.step = step
            self.outcome = outcome
            self.message = message
        }
    }

    /// How far a download is.
    public struct Progress: Sendable, Equatable {
        /// The app whose package it is.
        public var app: AppName
        /// Bytes that are here.
        public var byteCount: Int64
        /// Bytes of the whole package; nil, null, where that is not known.
        public var total: Int64?

        /// So many bytes of a package.
        public init(app: AppName, byteCount: Int64, total: Int64?) {
            self.app = app
            self.byteCount = byteCount
            self.total = total
        }
    }

    /// Something that a person should know; no error.
    case note(String)
    /// Input that was rejected, or an app that failed.
    case problem(String)
    /// The plan, before the first step.
    case plan(PlanDocument)
    case step(StepLine)
    case progress(Progress)
    /// The last line of every pass: what `gwe reconcile` ends with, and the pass in words.
    case result(exit: ExitStatus, message: String)
    /// A line that only a newer gwe can read, as it is.
    case other(JSONValue)

    /// The types of lines.
    enum Kind: String {
        case note, problem, plan, step, progress, result

        var member: (String, JSONValue) { (PassLine.typeKey, .string(rawValue)) }
    }

    static let typeKey = "type"

    /// One line, without its end.
    public var json: JSONValue {
        switch self {
        case .note(let message): .object([Kind.note.member, ("message", message.json)])
        case .problem(let message): .object([Kind.problem.member, ("message", message.json)])
        case .plan(let plan): plan.json
        case .step(let step):
            .object([
                Kind.step.member, ("app", step.app.json), ("step", step.step.json), ("outcome", step.outcome.json),
                ("message", step.message.json),
            ])
        case .progress(let progress):
            .object([
                Kind.progress.member, ("app", progress.app.json), ("bytes", progress.byteCount.json),
                ("total", progress.total.json),
            ])
        case .result(let exit, let message):
            .object([Kind.result.member, ("exit", exit.json), ("message", message.json)])
        case .other(let json): json
        }
    }

    /// Reads one line.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        let type: String = try members.read(PassLine.typeKey)
        switch Kind(rawValue: type) {
        case .note: self = .note(try members.read("message"))
        case .problem: self = .problem(try members.read("message"))
        case .plan: self = .plan(try PlanDocument(json: json))
        case .step:
            self = .step(
                StepLine(
                    app: try members.read("app"), step: try members.read("step"), outcome: try members.read("outcome"),
                    message: try members.read("message")))
        case .progress:
            self = .progress(
                Progress(
                    app: try members.read("app"), byteCount: try members.read("bytes"),
                    total: try members.readIfAny("total")))
        case .result: self = .result(exit: try members.read("exit"), message: try members.read("message"))
        case nil: self = .other(json)
        }
    }
}
