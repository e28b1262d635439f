internal import GatewaySystem

/// How a watch gets on: which failure it is in a row, and what of it is told. A value.
///
/// A connection that is lost again at once has not ended the trouble: a server that takes each one and drops it, or
/// another client of the same name that takes it over, is tried ever more rarely, and told of once.
struct WatchRecord: Sendable {
    /// A watch that has worked for so long has no failure behind it.
    static let steady: Duration = .seconds(300)

    private(set) var failures = 0
    private var lastTold = ""
    private var isToldDown = false
    private var worksSince: MonotonicTime?

    /// Returns whether that is to be told.
    mutating func worked(at now: MonotonicTime) -> Bool {
        worksSince = worksSince ?? now
        defer { isToldDown = false }
        return isToldDown
    }

    /// Returns whether that is to be told.
    /// - Parameter isSilent: somebody else tells of it.
    mutating func failed(_ why: String, isSilent: Bool, at now: MonotonicTime) -> Bool {
        if let worksSince, worksSince.duration(to: now) >= WatchRecord.steady { (failures, lastTold) = (0, "") }
        worksSince = nil
        failures += 1
        let isTold = why != lastTold && !isSilent
        lastTold = why
        if isTold { isToldDown = true }
        return isTold
    }
}
