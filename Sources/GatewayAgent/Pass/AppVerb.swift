/// What an operator may tell an app.
public enum AppVerb: String, Sendable, CaseIterable {
    case start, stop, restart, hold, unhold

    /// How what was done is told.
    func done(_ state: String?) -> String {
        switch self {
        case .hold: "held: drift is reported, nothing is changed"
        case .unhold: "no longer held"
        case .start, .stop, .restart: state ?? rawValue
        }
    }
}
