/// What the policy says of logs.
public struct LogPolicy: Sendable, Hashable {
    /// Lines a second and app; nil is no limit.
    public var linesPerSecond: Int?
    /// Bytes for the logs of all apps together; nil is no limit.
    public var byteBudget: Int64?

    /// Limits by hand; none where none is given.
    public init(linesPerSecond: Int? = nil, byteBudget: Int64? = nil) {
        self.linesPerSecond = linesPerSecond
        self.byteBudget = byteBudget
    }

    /// The limits of the policy in force.
    public init(_ policy: Policy) {
        linesPerSecond = policy.logRate >= Policy.unlimitedLogRate ? nil : policy.logRate
        byteBudget = policy.logBudget
    }
}
