internal import GatewayModel

/// The cloud did not do what was asked.
struct CloudFailure: Error, Sendable, CustomStringConvertible {
    enum Kind: Sendable, Hashable {
        /// Out of reach, busy, or refusing: the fault is not the release's.
        case unavailable
        case noSpace
        /// The cloud answered, and what it has is not what is wanted: no such content, wrong size or digest.
        case wrongContent
    }

    var kind = Kind.unavailable
    /// Whether this machine is the cause: a file, memory, descriptors.
    var isOfMachine = false
    var description: String
    /// How long the cloud asks to be left alone.
    var retryAfter: Duration?
    /// Another server than the cloud's is the one that failed.
    var isElsewhere = false
    /// There is none, or the cloud refuses it.
    var isAboutToken = false
    /// What a technician is told of it, and how long it is left alone.
    var trouble = CloudTrouble.Kind.noConnection
}

/// How a pass got on with the cloud.
enum CloudTalk: Sendable {
    case notAsked, succeeded
    case failed(CloudFailure)
}
