internal import GatewaySystem

/// Runs checks one after the other, each within its time and all within the whole time. Writes nothing but what the fsync
/// check tries in the state folder; asks the cloud twice at most.
public enum Doctor {
    /// A hanging name server, mount or daemon must not make a technician wait for longer.
    public static let limit: Duration = .seconds(28)

    /// Runs the checks in the given order. Never waits for longer than `limit`; checks that have no time left
    /// are skipped.
    /// - Parameter row: told of each finding as it is made.
    public static func examine(
        _ scene: DoctorScene, _ checks: [DoctorCheck] = DoctorCheck.all, row: (DoctorReport.Row) -> Void = { _ in }
    ) -> DoctorReport {
        let end = MonotonicTime.now + limit
        var scene = scene
        var report = DoctorReport()
        for check in checks {
            let start = MonotonicTime.now
            if check.needsCloud, scene.cloud == nil { scene.cloud = askCloud(scene, until: end) }
            let finding = run(check, scene, until: end)
            let made = DoctorReport.Row(id: check.id, finding: finding, duration: start.duration(to: .now))
            report.rows.append(made)
            row(made)
        }
        return report
    }

    private static func run(_ check: DoctorCheck, _ scene: DoctorScene, until end: MonotonicTime) -> DoctorFinding {
        let left = MonotonicTime.now.duration(to: end)
        guard left > .milliseconds(100) else { return .skipped("no time was left") }
        let limit = min(check.limit, left)
        if let finding = TimeLimit.run("doctor", atMost: limit, { check.run(scene) }) { return finding }
        return .failed(
            "no end after \(limit.secondsText)", hint: "something below it hangs: run 'gwe doctor \(check.id)' again")
    }

    private static func askCloud(_ scene: DoctorScene, until end: MonotonicTime) -> DoctorCloud {
        let left = MonotonicTime.now.duration(to: end)
        let limit = min(DoctorCloud.timeout + .seconds(1), left)
        guard limit > .milliseconds(100) else { return .unanswered("no time was left") }
        return TimeLimit.run("doctor-cloud", atMost: limit) { DoctorCloud.ask(scene) }
            ?? .unanswered("no answer after \(limit.secondsText)")
    }
}

extension Duration {
    /// `1.25 s`, `0.4 ms`.
    var secondsText: String {
        let micros = Int64(self / .microseconds(1))
        if micros < 1_000 { return "\(micros) µs" }
        let (unit, scaled) = micros < 1_000_000 ? ("ms", micros / 10) : ("s", micros / 10_000)
        let fraction = scaled % 100
        if fraction == 0 { return "\(scaled / 100) \(unit)" }
        return "\(scaled / 100).\(fraction < 10 ? "0" : "")\(fraction) \(unit)"
    }
}
