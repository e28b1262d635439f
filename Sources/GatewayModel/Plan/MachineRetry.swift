/// When a pass that this machine kept from its work is tried again: for lack of space, descriptors, memory, or of a disk
/// that can be written. Such a cause may be over in a minute, and looking costs no byte of the network: after 1, 5 and 15
/// minutes, then at each poll.
public struct MachineRetry: Sendable, Hashable {
    private static let pauses: [Duration] = [.seconds(60), .seconds(300), .seconds(900)]

    /// Passes in a row that failed for such a cause.
    public private(set) var failures = 0

    /// None has failed.
    public init() {}

    /// A pass has failed. Returns the time to the next try; nil: that is the next poll.
    public mutating func failed() -> Duration? {
        failures += 1
        return failures <= MachineRetry.pauses.count ? MachineRetry.pauses[failures - 1] : nil
    }

    /// A pass had what it needed.
    public mutating func succeeded() { failures = 0 }
}
