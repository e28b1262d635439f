internal import DeviceClient
public import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// Whether the wall clock can be believed: not before this program was released and not before the newest time in the
/// journal, and not absurdly late. A clock without a battery begins in 1970 at each boot.
///
/// Nothing that waits depends on it: intervals are monotonic. It decides how records are stamped, whether a window of
/// time may be judged, and what is said of a certificate that does not fit the time.
public final class ClockTrust: Sendable {
    /// When this program was made, at the latest: 2026-11-01T00:00:00Z. A constant, so that the same sources make the
    /// same program; a test holds it against the newest release in the changelog.
    public static let builtAt = WallTime(milliseconds: UsageClock.builtAt * 1_000)
    /// No gateway runs a program that is so old.
    static let horizon = WallTime(milliseconds: UsageClock.horizon * 1_000)
    /// So far may a correction set a trusted clock back: whoever reads the hardware clock in the wrong time zone is
    /// hours ahead until the first synchronisation.
    static let slack: Duration = .seconds(86_400)

    /// What is thought of the clock's reading: to be believed, earlier than it can be, or later than it can be.
    public enum Verdict: Sendable, Hashable { case trusted, behind, ahead }

    private let clock: @Sendable () -> WallTime
    private let sinceBoot: @Sendable () -> Duration
    private let isSynchronised: @Sendable () -> Bool
    private let known = Lock(ClockTrust.builtAt)

    /// - Parameter isSynchronised: whether the kernel says that somebody keeps the clock right. Such a clock is believed
    ///   against the journal, whose newest time may be from a clock that was ahead. That the kernel does not say so means
    ///   nothing: it knows of no NTP client outside of a container's or a virtual machine's host.
    init(
        clock: @escaping @Sendable () -> WallTime, sinceBoot: @escaping @Sendable () -> Duration,
        isSynchronised: @escaping @Sendable () -> Bool = { false }
    ) {
        self.clock = clock
        self.sinceBoot = sinceBoot
        self.isSynchronised = isSynchronised
    }

    /// The kernel's word, adjtimex(2). It is lost when the clock is set, and when no NTP client has spoken for hours.
    @Sendable public static func isKernelsClockSynchronised() -> Bool { ClockState.isSynchronised ?? false }

    /// What the clock shows, believed or not.
    public var reading: WallTime { clock() }

    /// What is thought of the clock's reading now.
    public var verdict: Verdict { verdict(of: clock()) }

    private func verdict(of time: WallTime) -> Verdict {
        if time >= ClockTrust.horizon { return .ahead }
        if time < ClockTrust.builtAt { return .behind }
        if time >= newest.advanced(by: .zero - ClockTrust.slack) { return .trusted }
        guard isSynchronised() else { return .behind }
        // What was known came from a clock that was ahead.
        known.withLock { $0 = time }
        return .trusted
    }

    /// Whether the clock's reading can be believed now.
    public var isTrusted: Bool { verdict == .trusted }

    /// Whether a time of a record can be one of this program's life; one in doubt is none.
    static func isPlausible(_ time: WallTime) -> Bool { time >= builtAt && time < horizon }

    /// "behind (1970-01-01)"; nil when the clock is trusted.
    public var doubt: String? {
        let time = clock()
        let day = time.description.prefix { $0 != "T" }
        return switch verdict(of: time) {
        case .trusted: nil
        case .behind: "behind (\(day))"
        case .ahead: "ahead (\(day))"
        }
    }

    /// The time for a record.
    var stamp: WallTime {
        let time = clock()
        return verdict(of: time) == .trusted ? time : .inDoubt(sinceBoot: sinceBoot())
    }

    /// A record of a time that was trusted then.
    func learn(_ newest: WallTime?) {
        guard let newest, newest < ClockTrust.horizon else { return }
        known.withLock { $0 = max($0, newest) }
    }

    /// The newest time that is known to have been.
    var newest: WallTime { known.withLock(\.self) }
}
