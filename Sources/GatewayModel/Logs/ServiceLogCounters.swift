/// What became of an app's output since the agent watches it, both streams together.
public struct ServiceLogCounters: Sendable, Hashable {
    /// Writes to files, whatever their size.
    public var writes = 0
    /// How often a full file was rotated, or begun anew.
    public var rotations = 0
    /// Lines that are not in the log: more than the policy allows, or not to be written.
    public var droppedLines: Int64 = 0
    /// Bytes of `droppedLines`.
    public var droppedBytes: Int64 = 0

    /// Counters at zero.
    public init() {}

    /// Each counter's sum, for an app with several processes.
    public static func + (a: Self, b: Self) -> Self {
        var sum = a
        sum.writes += b.writes
        sum.rotations += b.rotations
        sum.droppedLines += b.droppedLines
        sum.droppedBytes += b.droppedBytes
        return sum
    }
}
