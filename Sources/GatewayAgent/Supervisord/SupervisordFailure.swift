/// Why supervisord did not do what it was asked.
enum SupervisordFailure: Error, Sendable, CustomStringConvertible {
    /// Its configuration does not say how to reach it, or where programs go.
    case misconfigured(String)
    /// Nobody answers, or does not let gwe in.
    case unreachable(String)
    /// Somebody took the call and does not answer in time.
    case silent(String)
    /// What answers does not speak XML-RPC.
    case strange(String)
    /// supervisord's own refusal (`Faults` of its xmlrpc.py).
    case fault(method: String, code: Int64, text: String)
    /// A program's file cannot be read, written, or is not gwe's to replace.
    case file(String)

    var description: String {
        switch self {
        case .misconfigured(let text), .unreachable(let text), .silent(let text), .strange(let text), .file(let text):
            text
        case .fault(let method, _, let text): "supervisord refuses \(method): \(text)"
        }
    }

    /// supervisord's numbers of its refusals.
    enum Code {
        static let shutdownState: Int64 = 6
        static let badName: Int64 = 10
        static let alreadyStarted: Int64 = 60
        static let notRunning: Int64 = 70
        static let success: Int64 = 80
        static let alreadyAdded: Int64 = 90
        static let cannotReread: Int64 = 92
    }

    var code: Int64? { if case .fault(_, let code, _) = self { code } else { nil } }

    /// Whether it is supervisord that is missing, or going, and not the app that is wrong.
    var isOutage: Bool {
        switch self {
        case .misconfigured, .unreachable, .silent, .strange: true
        case .fault(_, let code, _): code == Code.shutdownState
        case .file: false
        }
    }

    /// Whether the same call may succeed in a moment: supervisord is being restarted.
    var isWorthRetryingNow: Bool {
        switch self {
        case .unreachable: true
        case .fault(_, let code, _): code == Code.shutdownState
        case .misconfigured, .silent, .strange, .file: false
        }
    }

    /// Text from supervisord as it may be shown: in one line, without control characters.
    static func shown(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(500).map { $0.value < 32 || $0.value == 127 ? " " : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
