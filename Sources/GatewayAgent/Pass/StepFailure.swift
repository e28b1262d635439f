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
    /// Whether this machine lacked something that it may have again in a minute: space, descriptors, memory, a disk that
    /// can be written.
    var isOfMachine = false
    /// The journal's own failure, where that is why.
    var journal: JournalError?

    init(_ kind: Kind, _ description: String, output: String? = nil) {
        self.kind = kind
        self.description = description
        self.output = output
        isOfMachine = kind == .noSpace
    }

    /// What this machine does not have, and may have any minute.
    static func missing(_ words: String) -> StepFailure {
        var failure = StepFailure(.local, words)
        failure.isOfMachine = true
        return failure
    }

    init(_ error: SystemError) {
        self.init(error.isNoSpace ? .noSpace : .local, "\(error)")
        isOfMachine = error.isShortage
    }

    /// A program of a package that could not be started.
    init(_ error: ProcessError) {
        self.init(error.isOfMachine ? .local : .release, "\(error)")
        isOfMachine = error.isOfMachine
    }

    init(unpack error: UnpackError, artifact: String) {
        switch error {
        case .system(let error): self.init(error)
        case .noInode: self.init(.noSpace, "\(error)")
        case .sourceEnded: self.init(.unavailable, "\(artifact): \(error)")
        case .refused, .tooLarge, .damaged: self.init(.release, "\(artifact): \(error)")
        }
    }

    init(_ error: JournalError) {
        self.init(error.isNoSpace ? .noSpace : .local, error.description)
        isOfMachine = error.isOfMachine
        journal = error
    }
}

extension JournalError {
    /// What kept the end of the steps from being recorded.
    init(_ failure: StepFailure) {
        if let journal = failure.journal {
            self = journal
            return
        }
        self.init(failure.description)
        isNoSpace = failure.kind == .noSpace
        isOfMachine = failure.isOfMachine
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
