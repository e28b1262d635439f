extension Duration {
    /// How long a wait is, for people, rounded up: `45 s`, `12 min`, `7 h 30 min`, `3 days`.
    public var inWords: String {
        let (whole, rest) = components
        let seconds = max(0, whole + (rest > 0 ? 1 : 0))
        if seconds < 120 { return "\(seconds) s" }
        let minutes = (seconds + 59) / 60
        if minutes < 120 { return "\(minutes) min" }
        if minutes < 48 * 60 {
            let (hours, rest) = minutes.quotientAndRemainder(dividingBy: 60)
            return rest == 0 ? "\(hours) h" : "\(hours) h \(rest) min"
        }
        return "\((minutes + 24 * 60 - 1) / (24 * 60)) days"
    }
}
