/// When a pass is tried again whose packages a server did not give, and asked to be left alone (`Retry-After`): then, but a
/// server that asks for that again and again is asked ever less often, down to once in an hour.
public struct PackageRetry: Sendable, Hashable {
    private static let first: Duration = .seconds(60)
    private static let last: Duration = .seconds(3_600)

    /// Passes in a row that ended so.
    public private(set) var failures = 0

    /// None has.
    public init() {}

    /// A pass has ended so. Returns the time to the next try; nil where nothing was asked.
    public mutating func delay(asked: Duration?) -> Duration? {
        guard let asked else { return nil }
        failures += 1
        return max(asked, min(PackageRetry.last, PackageRetry.first * (1 << min(failures - 1, 6))))
    }

    /// A pass had all its packages, or failed for another reason.
    public mutating func succeeded() { failures = 0 }
}
