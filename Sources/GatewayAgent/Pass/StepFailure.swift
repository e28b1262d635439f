internal import GatewayModel
internal import GatewaySystem

/// Why a step failed, and what follows from it.
struct StepFailure: Error, Sendable, CustomStringConvertible {
    enum Kind: Sendable, Hashable {
        /// The release is bad, or its installer: counts against it.
        case release
        /// The cloud, or the way to it.
        case unavailable
        case noSpace
        /// The journal or the disk.
        case local
    }

    var kind: Kind
    var description: String
    /// The last bytes the installer wrote.
    var output: String?
    /// Why an artifact could not be fetched.
    var fetch: CloudFailure?

    init(_ kind: Kind, _ description: String, output: String? = nil) {
        self.kind = kind
        self.description = description
        self.output = output
    }

    init(_ error: SystemError) {
        self.init(error.code == 28 || error.code == 122 ? .noSpace : .local, "\(error)")
    }

    init(unpack error: UnpackError, artifact: String) {
        switch error {
        case .system(let error): self.init(error)
        case .sourceEnded: self.init(.unavailable, "\(artifact): \(error)")
        case .refused, .tooLarge, .damaged: self.init(.release, "\(artifact): \(error)")
        }
    }

    init(_ error: JournalError) {
        self.init(error.isNoSpace ? .noSpace : .local, error.description)
    }
}

/// What a step did, for the journal and for the reader.
struct StepResult: Sendable {
    var outcome: StepOutcome
    var message: String = ""

    static let done = StepResult(outcome: .done)
    static func done(_ message: String) -> StepResult { StepResult(outcome: .done, message: message) }
    static func already(_ message: String = "") -> StepResult {
        StepResult(outcome: .alreadySatisfied, message: message)
    }
    static func skipped(_ message: String) -> StepResult { StepResult(outcome: .skipped, message: message) }
}
