/// Whether a server holds polls as it was asked to, so that one that does not is not asked without end. A value.
struct LongPollPace: Sendable {
    /// An answer that took so long was held, whatever limit of its own a server or a proxy has.
    static let heldAtLeast: Duration = .seconds(60)
    /// The longest pause after values that are written again and again.
    static let longestPause: Duration = .seconds(300)

    private var last: (text: String, lastModified: String?)?
    /// How often in a row the same text came at once with another time.
    private var repeats = 0

    /// How long to wait before the next poll.
    var pause: Duration {
        repeats < 3 ? .zero : min(LongPollPace.longestPause, .seconds(1 << min(repeats, 10)))
    }

    /// An answer came.
    ///
    /// - Parameters:
    ///   - text: nil when nothing is new.
    ///   - isLook: whether the same value was to be expected: it was asked for again on purpose.
    ///   - time: how long the answer took.
    /// - Returns: whether it is something new, or was held; else the next poll is to wait as after a failure.
    mutating func isHeld(_ text: String?, _ lastModified: String?, isLook: Bool, after time: Duration) -> Bool {
        defer { if let text { last = (text, lastModified) } }
        if time >= LongPollPace.heldAtLeast {
            repeats = 0
            return true
        }
        if isLook { return true }
        guard let text else { return false }
        guard let last, last.text == text else {
            repeats = 0
            return true
        }
        repeats += 1
        return lastModified != nil && last.lastModified != lastModified
    }
}
