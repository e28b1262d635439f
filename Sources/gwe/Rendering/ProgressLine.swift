internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Wire

/// One line that is painted over on a terminal; elsewhere a line for every tenth of the way.
struct ProgressLine {
    let terminal: Terminal
    private var isPainted = false
    private var lastTenth: [AppName: Int64] = [:]
    /// Since when bytes of an app's package are counted here, and how many there were then: what an earlier pass has
    /// fetched says nothing of the rate.
    private var begin: [AppName: (time: MonotonicTime, byteCount: Int64)] = [:]

    init(terminal: Terminal) { self.terminal = terminal }

    /// - Parameter position: which app of how many it is; nil for the only one.
    mutating func show(_ made: PassLine.Progress, _ position: String?) {
        let (app, bytes, total) = (made.app, made.byteCount, made.total)
        guard terminal.isTerminal else {
            guard let total, total >= 1 << 20 else { return }
            let tenth = Int64(Double(max(0, min(bytes, total))) / Double(total) * 10)
            guard tenth > lastTenth[app] ?? 0 else { return }
            lastTenth[app] = tenth
            return tell("gwe: \(app): \(tenth * 10) % of \(byteText(total))")
        }
        let now = MonotonicTime.now
        let first = begin[app] ?? (time: now, byteCount: bytes)
        begin[app] = first
        let elapsed = first.time.duration(to: now)
        paint(
            ProgressLine.text(
                made, position, counted: max(0, bytes) - max(0, first.byteCount), in: elapsed, isUTF8: terminal.isUTF8))
    }

    /// A step that takes its time.
    mutating func show(_ step: PassLine.StepLine, _ position: String?) {
        guard terminal.isTerminal else { return }
        paint((position.map { "[\($0)] " } ?? "") + "\(step.app): \(step.step.text)")
    }

    mutating func clear() {
        guard isPainted else { return }
        writeAll("\r\u{1B}[K", to: 2)
        isPainted = false
    }

    private mutating func paint(_ text: String) {
        // A line that wraps could not be painted over.
        let line = String(TerminalText.safe(text).prefix(max(20, (terminal.columns ?? 200) - 1)))
        writeAll("\r\u{1B}[K" + line, to: 2)
        isPainted = true
    }

    /// `[3 of 30] web: ████░░ 20 % of 10.0 MiB, 1.2 MiB/s, 7 s left`; the bar and the time where the size is known, the rate
    /// after a second.
    /// - Parameters:
    ///   - counted: bytes that have come in `elapsed`.
    static func text(
        _ made: PassLine.Progress, _ position: String?, counted: Int64, in elapsed: Duration, isUTF8: Bool
    ) -> String {
        var line = (position.map { "[\($0)] " } ?? "") + "\(made.app): "
        if let total = made.total, total > 0 {
            let part = Double(max(0, min(made.byteCount, total))) / Double(total)
            let filled = Int(part * 24)
            let (full, empty) = isUTF8 ? ("█", "░") : ("#", ".")
            line += String(repeating: full, count: filled) + String(repeating: empty, count: 24 - filled)
            line += " \(Int(part * 100)) % of \(byteText(total))"
        } else {
            line += byteText(made.byteCount)
        }
        let (seconds, attoseconds) = elapsed.components
        let time = Double(seconds) + Double(attoseconds) / 1e18
        guard time >= 1, counted > 0 else { return line }
        let rate = Double(counted) / time
        line += ", \(byteText(Int64(min(rate, 1e18))))/s"
        if let total = made.total, total > made.byteCount {
            let left = min((Double(total) - Double(made.byteCount)) / rate, 1e9)
            line += ", \(Duration.seconds(left).inWords) left"
        }
        return line
    }
}
