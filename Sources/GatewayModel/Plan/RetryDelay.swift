/// How long a release that failed is left alone. The first failures are tried again at the next pass; then the delays
/// that snapd settled on after refreshes that failed again and again (snapd, pull requests 14578 and 14596).
public enum RetryDelay {
    private static let hours: [Int] = [8, 12, 24, 48, 96, 168, 252, 336]
    /// Failures that are followed by an attempt at the very next pass.
    public static let promptAttempts = 2

    /// From the last failure to the next attempt; zero is the very next pass.
    /// - Parameter failures: how often the release has failed, 1 after the first time.
    public static func after(failures: Int) -> Duration {
        guard failures > promptAttempts else { return .zero }
        return .seconds(3_600 * hours[min(failures - promptAttempts - 1, hours.count - 1)])
    }
}
