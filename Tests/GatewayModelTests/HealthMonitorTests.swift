import Documents
import GatewayModel
import Testing

@Suite struct HealthMonitorTests {
    typealias Event = HealthMonitor.Event
    typealias Action = HealthMonitor.Action
    typealias Phase = HealthMonitor.Phase

    static let check = HealthCheck(
        probe: .tcp(host: "127.0.0.1", port: 1883), within: .seconds(30), every: .seconds(10), failures: 2)
    static let rarer = HealthCheck(probe: check.probe, within: .seconds(60), every: .seconds(20), failures: 2)
    static let other = HealthCheck(probe: .http("http://127.0.0.1/ok"), every: .seconds(10), failures: 2)

    /// Where a monitor can be; every one is reached at 100 s, and gets its event at 110 s.
    enum Place: String, CaseIterable {
        case idle
        /// Within `within`, which ends at 130 s.
        case starting, startingChecking
        /// Its `within` was over at 105 s.
        case overdueChecking
        /// An adopted process, without a verdict yet.
        case adopted, adoptedChecking
        case healthy, healthyChecking
        /// One check has failed.
        case failing, failingChecking
        case unhealthy, unhealthyChecking

        var way: [Event] {
            let started = [Event.started(uptime: .zero)]
            let healthy: [Event] = started + [.timer, .passed]
            let failing: [Event] = healthy + [.timer, .failed("no")]
            return switch self {
            case .idle: []
            case .starting: started
            case .startingChecking: started + [.timer]
            case .overdueChecking: [.started(uptime: .seconds(25)), .timer]
            case .adopted: [.started(uptime: .seconds(60))]
            case .adoptedChecking: [.started(uptime: .seconds(60)), .timer]
            case .healthy: healthy
            case .healthyChecking: healthy + [.timer]
            case .failing: failing
            case .failingChecking: failing + [.timer]
            case .unhealthy: failing + [.timer, .failed("no")]
            case .unhealthyChecking: failing + [.timer, .failed("no"), .timer]
            }
        }
    }

    static func monitor(_ place: Place) -> HealthMonitor {
        var monitor = HealthMonitor(check)
        for event in place.way { _ = monitor.handle(event, at: .seconds(100)) }
        return monitor
    }

    static let begin = Action.setTimer(.milliseconds(100))
    static let pause = Action.setTimer(.seconds(10))
    static let never = "health check 127.0.0.1:1883 did not pass within 30 s: refused"
    static let twice = "health check 127.0.0.1:1883 failed 2 times: refused"

    /// Every place with every kind of event: phase, whether a check is under way, actions.
    static let table: [(Place, Event, Phase, Bool, [Action])] =
        Place.allCases.flatMap { place -> [(Place, Event, Phase, Bool, [Action])] in
            let at = monitor(place)
            let checking = at.isChecking
            let abandon: [Action] = checking ? [.abandon] : []
            let isIdle = place == .idle
            // What is the same everywhere.
            return [
                (place, .started(uptime: .zero), .starting, false, abandon + [begin]),
                (place, .stopped, .idle, false, isIdle ? [] : abandon + [.cancelTimer]),
                (place, .timer, at.phase, !isIdle, isIdle || checking ? [] : [.check]),
                (place, .skipped, at.phase, false, checking ? [pause] : []),
                (place, .passed, checking ? .healthy : at.phase, false, checking ? [pause] : []),
                (
                    place, .changed(rarer), at.phase, checking,
                    isIdle || checking ? [] : [at.phase == .starting ? begin : .setTimer(.seconds(20))]
                ),
                (place, .changed(other), isIdle ? .idle : .starting, false, isIdle ? [] : abandon + [begin]),
                (place, .changed(check), at.phase, checking, []),
            ]
        } + [
            (.idle, .failed("refused"), .idle, false, []),
            (.starting, .failed("refused"), .starting, false, []),
            (.startingChecking, .failed("refused"), .starting, false, [.setTimer(.milliseconds(200))]),
            (
                .overdueChecking, .failed("refused"), .unhealthy, false,
                [pause, .restart(reason: never, healthyFor: nil)]
            ),
            (.adopted, .failed("refused"), .starting, false, []),
            (.adoptedChecking, .failed("refused"), .starting, false, [pause]),
            (.healthy, .failed("refused"), .healthy, false, []),
            (.healthyChecking, .failed("refused"), .healthy, false, [pause]),
            (.failing, .failed("refused"), .healthy, false, []),
            (
                .failingChecking, .failed("refused"), .unhealthy, false,
                [pause, .restart(reason: twice, healthyFor: .zero)]
            ),
            (.unhealthy, .failed("refused"), .unhealthy, false, []),
            (.unhealthyChecking, .failed("refused"), .unhealthy, false, [pause]),
        ]

    @Test("every place and event pair is decided", arguments: table.indices)
    func pair(_ index: Int) {
        let (place, event, phase, isChecking, actions) = HealthMonitorTests.table[index]
        var monitor = HealthMonitorTests.monitor(place)
        let got = monitor.handle(event, at: .seconds(110))
        #expect(monitor.phase == phase && monitor.isChecking == isChecking, "\(place) and \(event)")
        #expect(got == actions, "\(place) and \(event)")
    }

    @Test("the table names every pair once")
    func tableIsComplete() {
        let pairs = Set(HealthMonitorTests.table.map { "\($0.0) \($0.1)" })
        #expect(pairs.count == Place.allCases.count * 9)
        #expect(pairs.count == HealthMonitorTests.table.count)
    }

    /// Checks that fail until `end`, and when they were made.
    private func failing(_ monitor: inout HealthMonitor, from start: Duration, checks: Int) -> [Duration] {
        var now = start
        var times: [Duration] = []
        var delay = HealthMonitor.firstPause
        for _ in 0..<checks {
            now += delay
            _ = monitor.handle(.timer, at: now)
            times.append(now - start)
            for case .setTimer(let next) in monitor.handle(.failed("refused"), at: now) { delay = next }
            if monitor.phase == .unhealthy { break }
        }
        return times
    }

    @Test(
        "checks of a service that starts come quickly, with pauses that double up to 5 s, and the last one at the end")
    func start() {
        var monitor = HealthMonitor(HealthMonitorTests.check)
        _ = monitor.handle(.started(uptime: .zero), at: .zero)
        #expect(monitor.health == .starting)
        let times = failing(&monitor, from: .zero, checks: 100).map { Int($0 / .milliseconds(100)) }
        #expect(times == [1, 3, 7, 15, 31, 63, 113, 163, 213, 263, 300])
        #expect(monitor.health == .unhealthy(HealthMonitorTests.never))
    }

    @Test("pauses of a start do not exceed every")
    func startOfFrequent() {
        var check = HealthMonitorTests.check
        check.every = .seconds(1)
        check.within = .seconds(4)
        var monitor = HealthMonitor(check)
        _ = monitor.handle(.started(uptime: .zero), at: .zero)
        let times = failing(&monitor, from: .zero, checks: 100).map { Int($0 / .milliseconds(100)) }
        #expect(times == [1, 3, 7, 15, 25, 35, 40])
    }

    @Test("one that passes takes earlier failures back")
    func inARow() {
        var monitor = HealthMonitorTests.monitor(.failingChecking)
        _ = monitor.handle(.passed, at: .seconds(110))
        _ = monitor.handle(.timer, at: .seconds(120))
        _ = monitor.handle(.failed("refused"), at: .seconds(120))
        #expect(monitor.health == .healthy && monitor.failuresInRow == 1)
    }

    @Test("how long it had been healthy is told from the first success to the first failure")
    func healthyFor() {
        var monitor = HealthMonitorTests.monitor(.healthy)
        for (time, event) in [(500, Event.failed("a")), (510, .failed("b"))] {
            _ = monitor.handle(.timer, at: .seconds(time))
            let actions = monitor.handle(event, at: .seconds(time))
            guard time == 510 else { continue }
            let reason = "health check 127.0.0.1:1883 failed 2 times: b"
            #expect(actions == [.setTimer(.seconds(10)), .restart(reason: reason, healthyFor: .seconds(400))])
        }
    }

    @Test("it stays unhealthy over the restart until a check passes")
    func overRestart() {
        var monitor = HealthMonitorTests.monitor(.unhealthy)
        _ = monitor.handle(.stopped, at: .seconds(110))
        #expect(monitor.health == nil)
        _ = monitor.handle(.started(uptime: .zero), at: .seconds(111))
        #expect(monitor.health == .unhealthy("health check 127.0.0.1:1883 failed 2 times: no"))
        #expect(monitor.phase == .starting)
        _ = monitor.handle(.timer, at: .seconds(112))
        _ = monitor.handle(.passed, at: .seconds(112))
        #expect(monitor.health == .healthy)
    }

    @Test("one that is not restarted is checked on, asks again, and can recover")
    func notRestarted() {
        var monitor = HealthMonitorTests.monitor(.unhealthy)
        var restarts = 0
        for time in 0..<4 {
            _ = monitor.handle(.timer, at: .seconds(200 + time))
            for case .restart in monitor.handle(.failed("no"), at: .seconds(200 + time)) { restarts += 1 }
        }
        #expect(restarts == 2)
        _ = monitor.handle(.timer, at: .seconds(300))
        _ = monitor.handle(.passed, at: .seconds(300))
        #expect(monitor.health == .healthy)
    }

    @Test("an adopted process is judged by failures in a row, not by one")
    func adopted() {
        var monitor = HealthMonitorTests.monitor(.adoptedChecking)
        _ = monitor.handle(.failed("no"), at: .seconds(110))
        #expect(monitor.health == .starting)
        _ = monitor.handle(.timer, at: .seconds(120))
        let actions = monitor.handle(.failed("refused"), at: .seconds(120))
        #expect(actions.last == .restart(reason: HealthMonitorTests.twice, healthyFor: .zero))
    }

    @Test("a longer within is in force at once")
    func longerWithin() {
        var monitor = HealthMonitorTests.monitor(.startingChecking)
        _ = monitor.handle(.changed(HealthMonitorTests.rarer), at: .seconds(110))
        #expect(monitor.handle(.failed("no"), at: .seconds(140)) == [.setTimer(.milliseconds(200))])
        _ = monitor.handle(.timer, at: .seconds(160))
        _ = monitor.handle(.failed("no"), at: .seconds(160))
        #expect(monitor.phase == .unhealthy)
    }

    @Test("the words of a check hold no query and no arguments")
    func words() {
        #expect(HealthCheck.Probe.http("http://h:1/ok?token=secret").words == "http://h:1/ok")
        #expect(HealthCheck.Probe.command("bin/check --password secret").words == "bin/check")
        #expect(HealthCheck.Probe.tcp(host: "::1", port: 9).words == "[::1]:9")
    }

    @Test("a definition keeps its check as JSON; one without a check is written as before there was any")
    func json() throws {
        let app = try #require(AppName("web"))
        var definition = ServiceDefinition(
            app: app, command: ["web"], context: .init(release: "1", directory: "/", logFolder: "/"))
        #expect(definition.canonicalJSON["health"] == nil)
        let probes: [HealthCheck.Probe] = [
            .http("https://[::1]:8443/ok?a=b"), .tcp(host: "fe80::1", port: 1), .tcp(host: "broker", port: 65_535),
            .command("bin/check 'a b'"),
        ]
        let before = definition
        for probe in probes {
            definition.health = HealthCheck(
                probe: probe, within: .milliseconds(1_500), every: .seconds(90), failures: 1_000)
            #expect(ServiceDefinition(json: definition.canonicalJSON) == definition)
            #expect(definition.runs(like: before) && definition != before)
        }
        #expect(HealthCheck(json: ["tcp": "host:1", "within": 0, "every": 1, "failures": 1]) == nil)
        #expect(HealthCheck(json: ["within": 1, "every": 1, "failures": 1]) == nil)
    }
}
