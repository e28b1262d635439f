internal import Wire

extension AppVerb {
    /// How what was done is told.
    /// - Parameter state: supervisord's word; nil where nothing supervises.
    func done(_ state: String?) -> String {
        switch self {
        case .hold: "held: drift is reported, nothing is changed"
        case .unhold: "no longer held"
        case .start, .stop, .restart: state ?? rawValue
        }
    }
}
