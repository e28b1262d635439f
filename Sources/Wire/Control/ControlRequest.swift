internal import Documents

/// A request of the daemon's socket, and what is answered to it. Client and daemon work from the same type: one makes the
/// message of it, the other reads it back.
public protocol ControlRequest: Sendable, Equatable {
    /// The answer, or one line of it.
    associatedtype Answer: WireValue

    /// The row of the table.
    static var call: ControlCall { get }

    /// What goes over the socket.
    var message: ControlMessage { get }

    /// Reads a message for this call.
    /// - Throws: `ControlRefusal`, mostly a bad request, with words for whoever made it.
    init(_ message: ControlMessage) throws(ControlRefusal)
}

/// A request whose answer is the lines of a pass.
public protocol PassControlRequest: ControlRequest where Answer == PassLine {}

/// A request as it goes over the socket, without its method.
public struct ControlMessage: Sendable, Equatable {
    /// The words in the places of the call's path, in order.
    public var words: [String]
    /// Keys and values after the `?`; none of them needs to be escaped.
    public var query: [String: String]
    /// The document that is sent, as text; empty for none.
    public var body: [UInt8]

    init(words: [String] = [], query: [String: String] = [:], body: JSONValue? = nil) {
        self.words = words
        self.query = query
        self.body = body?.bytes() ?? []
    }

    /// What a client has sent.
    /// - Parameter query: everything after the first `?`; nil without one.
    public init(words: [String], query: String?, body: [UInt8]) {
        self.words = words
        self.query = [:]
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            self.query[pair[0]] = pair.count == 2 ? pair[1] : ""
        }
        self.body = body
    }

    /// The path with its words and its query.
    public func target(of call: ControlCall) -> String {
        let pairs = query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return call.path(with: words) + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }

    /// The body as JSON; nil for an empty one.
    /// - Throws: a bad request when it is no JSON.
    func document() throws(ControlRefusal) -> JSONValue? {
        guard !body.isEmpty else { return nil }
        do throws(DocumentError) { return try JSON.parse(body, source: "request").json } catch {
            throw ControlRefusal(.badRequest, error.description)
        }
    }
}
