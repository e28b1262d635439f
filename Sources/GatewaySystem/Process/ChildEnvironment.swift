/// What of the agent's own environment its programs get: apps, their health checks, and installers.
public enum ChildEnvironment {
    /// Variables that speak to the agent alone.
    private static let withheld = Set(
        ServiceNotification.variables + ["GWE_STATE_LOCK", "GWE_FAULT", "GWE_FAULT_LOG"])
    /// What is passed on where little shall be, beside variables that begin with `GWE_`.
    private static let few: Set<String> = ["PATH", "LANG", "TZ", "HOME", "USER", "LOGNAME", "SHELL"]

    /// - Parameter isClean: whether only PATH, LANG, TZ, HOME, USER, LOGNAME, SHELL and what begins with `GWE_` is passed
    ///   on, so that nothing reaches an app that its definition does not name: proxies and keys for one.
    public static func of(_ agent: [String: String], isClean: Bool = false) -> [String: String] {
        agent.filter { name, _ in
            guard !withheld.contains(name) else { return false }
            return !isClean || few.contains(name) || name.hasPrefix("GWE_")
        }
    }
}
