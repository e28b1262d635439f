internal import GatewaySystem
internal import DeviceClient
internal import GatewayModel

extension DoctorCheck {
    /// Whether the wall clock can be believed, is kept, and agrees with the cloud's.
    static let clock = DoctorCheck(
        id: "clock", subject: "the wall clock: plausible, kept, and the cloud's", needsCloud: true
    ) {
        scene in
        let hint = "start an NTP client (timedatectl, chronyc) or set the clock with date -s"
        let now = scene.clock()
        guard scene.isClockPlausible else {
            let why =
                now >= ClockTrust.horizon
                ? "it is decades after this gwe was written"
                : "it is before this gwe was written or last ran"
            return .failed("\(now) cannot be: \(why)", hint: hint)
        }
        var findings: [DoctorFinding] = []
        if case .time(let seconds, _)? = scene.cloud?.answer {
            let off = (now.milliseconds / 1_000) - seconds
            let words = "\(abs(off)) s \(off < 0 ? "behind" : "ahead of") the cloud's clock"
            switch abs(off) {
            case ..<30: findings.append(.ok("\(now), as the cloud's"))
            case ..<300: findings.append(.warning(words, hint: hint))
            default: findings.append(.failed(words, hint: hint))
            }
        } else if case .failed(let error)? = scene.cloud?.answer, error.kind == .clock {
            findings.append(.failed("\(now) is before the certificate of the cloud begins", hint: hint))
        } else {
            findings.append(.ok("\(now), plausible; the cloud's was not read"))
        }
        if scene.isClockSynchronised == false {
            findings.append(.warning("\(now), but nothing keeps it (the kernel says unsynchronised)", hint: hint))
        }
        return DoctorFinding.worst(of: findings) ?? .ok("\(now)")
    }
}
