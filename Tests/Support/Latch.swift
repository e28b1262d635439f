import GatewaySystem

/// Something that happens once, and that threads can wait for.
public final class Latch: Sendable {
    private let isOpen = Monitor(false)

    /// A latch that is not open yet.
    public init() {}

    /// Opens it for good, and wakes everybody who waits. Once more changes nothing. May be called from any thread.
    public func open() { isOpen.update { $0 = true } }

    /// Whether it was opened before the timeout.
    public func wait(timeout: Duration) -> Bool { isOpen.wait(atMost: timeout) { $0 ? true : nil } ?? false }
}
