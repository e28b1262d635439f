/// What the health check of a running service says of it. A service without a check, and one that does not run or is held,
/// has none.
public enum ServiceHealth: Sendable, Hashable {
    /// It runs, and the check has not decided yet.
    case starting
    /// The last check that decided has passed.
    case healthy
    /// With the reason in words. Stays over the restart that it leads to, until a check passes.
    case unhealthy(String)

    /// `starting`, `healthy`, `unhealthy`.
    public var word: String {
        switch self {
        case .starting: "starting"
        case .healthy: "healthy"
        case .unhealthy: "unhealthy"
        }
    }

    /// Why it is unhealthy; nil in every other state.
    public var reason: String? { if case .unhealthy(let reason) = self { reason } else { nil } }

    /// Reads what `word` and `reason` said; nil for an unknown word.
    public init?(word: String, reason: String?) {
        switch word {
        case "starting": self = .starting
        case "healthy": self = .healthy
        case "unhealthy": self = .unhealthy(reason ?? "its health check failed")
        default: return nil
        }
    }
}

extension HealthCheck.Probe {
    /// How it is named in messages: the query of a URL and the arguments of a command may be secrets.
    public var words: String {
        switch self {
        case .http(let url): String(url.prefix { $0 != "?" && $0 != "#" })
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .command(let command): (try? ShellWords.split(command))?.first ?? "command"
        }
    }
}
