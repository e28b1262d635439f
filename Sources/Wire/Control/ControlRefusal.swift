/// Why the daemon does not do what it is asked: the status of its answer, and the words in the answer's body,
/// `{"message": …}`.
public struct ControlRefusal: Error, Sendable, Hashable {
    /// The statuses that the daemon answers with. A number never gets another meaning.
    public enum Kind: Int, Sendable, Hashable, CaseIterable {
        /// The request cannot be understood.
        case badRequest = 400
        /// There is no such call, no such app or no such verb.
        case notFound = 404
        /// It cannot be done as things are.
        case conflict = 409
        /// A package is not fit for this gateway.
        case badPackage = 422
        /// The app is held.
        case held = 423
        /// Something of this machine failed.
        case failed = 500
        /// The disk is full.
        case noSpace = 507

        /// What it means, for `docs/local-api.md`.
        public var meaning: String {
            switch self {
            case .badRequest: "the request cannot be understood"
            case .notFound: "no such call, app or verb"
            case .conflict: "it cannot be done as things are"
            case .badPackage: "a package is not fit for this gateway"
            case .held: "the app is held"
            case .failed: "something of this machine failed"
            case .noSpace: "the disk is full"
            }
        }
    }

    /// Which refusal it is.
    public var kind: Kind
    /// Why, in words.
    public var message: String

    /// A refusal with its reason.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The body of the answer.
    public var body: MessageAnswer { MessageAnswer(message) }
}
