/// What is left of the data budget of the network interface that a pass downloads through.
public struct DataAllowance: Sendable, Hashable {
    /// The interface that leads to the cloud: `ppp0`.
    public var interface: String
    /// The limit of the policy for that interface.
    public var budget: DataBudget
    /// Counted by the device client on the interface since the period began, both ways, headers included.
    public var usedByteCount: Int64
    /// The first day (UTC) of the next period: `2026-12-01`.
    public var renewal: String
    /// Why it cannot be told what is left, in words; then nothing is.
    public var doubt: String?

    /// An allowance of which nothing is in doubt; `doubt` is set afterwards.
    public init(interface: String, budget: DataBudget, usedByteCount: Int64, renewal: String) {
        self.interface = interface
        self.budget = budget
        self.usedByteCount = usedByteCount
        self.renewal = renewal
    }

    /// Not below 0.
    public var remainingByteCount: Int64 { max(0, budget.byteCount - max(0, usedByteCount)) }

    /// Whether not even the smallest download fits any more, so that no size needs to be asked for.
    public var isUsedUp: Bool { remainingByteCount < DataAllowance.cost(ofDownloading: 1) }

    /// What a download takes from the budget, about: its content; a sixteenth for the headers of IP, TCP and TLS and for
    /// the acknowledgements; and a handshake with its certificates.
    public static func cost(ofDownloading byteCount: Int64) -> Int64 {
        let content = max(0, byteCount)
        let (sum, isTooLarge) = content.addingReportingOverflow(content / 16 + 8_192)
        return isTooLarge ? .max : sum
    }

    /// "12.5 MiB left of 50MiB/month on ppp0 until 2026-12-01 (UTC)".
    func left(_ byteCount: Int64) -> String {
        "\(Quantities.about(byteCount: max(0, byteCount))) left of \(budget) on \(interface) until \(renewal) (UTC)"
    }
}

extension DataBudget: CustomStringConvertible {
    /// As a manifest says it: `50MiB/month`.
    public var description: String { "\(Quantities.text(byteCount: byteCount))/\(period.rawValue)" }
}

extension DataBudget.Period {
    /// The day or the calendar month (UTC) that a moment lies in: `2026-11-22`, `2026-11`.
    public func name(at time: WallTime) -> String { String(time.description.prefix(self == .day ? 10 : 7)) }

    /// The first day of the period after the one that a moment lies in.
    public func renewal(after time: WallTime) -> String {
        let day: Int64 = 86_400_000
        var next = WallTime(milliseconds: time.milliseconds + day)
        guard self == .month else { return String(next.description.prefix(10)) }
        while name(at: next) == name(at: time) { next.milliseconds += day }
        return name(at: next) + "-01"
    }
}
