/// The calls of the daemon's socket, version 1. This is the one table: the daemon finds a call by it, a client forms a
/// request by it, and `docs/local-api.md` lists it.
public enum ControlCall: Sendable, Hashable, CaseIterable {
    case status, services, reports, sendReports, reconcile, install, remove, setToken, act, replace

    /// A method of HTTP.
    public enum Method: String, Sendable, Hashable {
        case get = "GET"
        case post = "POST"
    }

    /// What the body of an answer with status 200 is.
    public enum Answer: Sendable, Hashable {
        /// One JSON document.
        case document
        /// The lines of a pass (NDJSON), the last one of type `result`.
        case lines
    }

    private var row: (method: Method, path: String, answer: Answer) {
        switch self {
        case .status: (.get, "/v1/status", .document)
        case .services: (.get, "/v1/services", .document)
        case .reports: (.get, "/v1/reports", .document)
        case .sendReports: (.post, "/v1/reports", .document)
        case .reconcile: (.post, "/v1/reconcile", .lines)
        case .install: (.post, "/v1/install", .lines)
        case .remove: (.post, "/v1/remove", .lines)
        case .setToken: (.post, "/v1/token", .document)
        case .act: (.post, "/v1/apps/{app}/{verb}", .document)
        case .replace: (.post, "/v1/reexec", .document)
        }
    }

    /// How the call is made.
    public var method: Method { row.method }

    /// The path; `{app}` and `{verb}` stand for words of the request.
    public var path: String { row.path }

    /// What comes back.
    public var answer: Answer { row.answer }

    /// Finds the call that a request is for, and the words in the places of its path; nil when there is none.
    public static func find(method: String, path: String) -> (call: ControlCall, words: [String])? {
        let parts = path.split(separator: "/")
        for call in allCases where call.method.rawValue == method {
            if let words = call.words(in: parts) { return (call, words) }
        }
        return nil
    }

    /// The path of a request with these words.
    func path(with words: [String]) -> String {
        var words = words[...]
        let parts = path.split(separator: "/").map { part in
            ControlCall.isPlace(part) ? words.popFirst() ?? "" : String(part)
        }
        return "/" + parts.joined(separator: "/")
    }

    private func words(in parts: [Substring]) -> [String]? {
        let pattern = path.split(separator: "/")
        guard pattern.count == parts.count else { return nil }
        var words: [String] = []
        for (expected, part) in zip(pattern, parts) {
            if ControlCall.isPlace(expected) { words.append(String(part)) } else if expected != part { return nil }
        }
        return words
    }

    private static func isPlace(_ part: Substring) -> Bool { part.hasPrefix("{") }
}
