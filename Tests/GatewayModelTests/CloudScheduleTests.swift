import Documents
import Testing

@testable import GatewayModel

@Suite("The schedule of talks with the cloud") struct CloudScheduleTests {
    private let fourHours: Duration = .seconds(14_400)
    private let hour: Duration = .seconds(3_600)

    private func trouble(_ kind: CloudTrouble.Kind) -> CloudTrouble {
        CloudTrouble(kind, reason: "why", since: WallTime(milliseconds: 1_000))
    }

    private func wait(_ action: CloudSchedule.Action) throws -> Duration {
        guard case .talk(let pause) = action else { throw Missing() }
        return pause
    }
    private struct Missing: Error {}

    /// The pauses of failures in a row, each after the pause of the one before.
    private func pauses(
        _ kind: CloudTrouble.Kind, _ count: Int, interval: Duration, identity: String = "one", bytes: Int64 = 0
    ) throws -> [Duration] {
        var schedule = CloudSchedule(identity: identity)
        var now: Duration = .seconds(60)
        return try (0..<count).map { _ in
            let event = CloudSchedule.Event.failed(trouble(kind), byteCount: bytes)
            let pause = try wait(schedule.handle(event, at: now, interval: interval))
            now += pause
            return pause
        }
    }

    @Test("trouble begins with seconds, grows by chance to an hour and stays there, the same for one device")
    func ramp() throws {
        let one = try pauses(.dns, 40, interval: fourHours)
        #expect(one[0] >= .seconds(5) && one[0] <= .seconds(15), "\(one)")
        for (before, after) in zip(one, one.dropFirst()) {
            #expect(after >= .seconds(5) && after <= max(before * 3, .seconds(15)) && after <= hour, "\(one)")
        }
        #expect(one.contains(hour))
        #expect(try pauses(.dns, 40, interval: fourHours) == one)
        #expect(try pauses(.dns, 40, interval: fourHours, identity: "two") != one)
    }

    @Test("a short interval is the longest pause")
    func shortInterval() throws {
        #expect(try pauses(.timeout, 30, interval: .seconds(60)).allSatisfy { $0 <= .seconds(60) })
        #expect(try pauses(.timeout, 30, interval: .seconds(1)).allSatisfy { $0 == .seconds(1) })
    }

    @Test(
        "what only a person can end is left alone for hours, from one to twelve",
        arguments: CloudTrouble.Kind.allCases.filter(\.isRefusal))
    func patience(_ kind: CloudTrouble.Kind) throws {
        let found = try pauses(kind, 8, interval: .seconds(60))
        for (index, least) in [1, 2, 4, 8, 12, 12, 12, 12].enumerated() {
            #expect(found[index] >= .seconds(3_600 * least), "\(found)")
            #expect(found[index] <= min(.seconds(3_600 * least) * 5 / 4, .seconds(12 * 3_600)), "\(found)")
        }
    }

    @Test("a success resets everything, and the next pause is the interval with the device's phase")
    func success() throws {
        var schedule = CloudSchedule(identity: "one")
        let quiet = try wait(schedule.handle(.succeeded, at: .seconds(1), interval: fourHours))
        #expect(quiet >= fourHours && quiet < fourHours * 11 / 10)
        for second in 1..<30 {
            _ = schedule.handle(
                .failed(trouble(.notAuthorised), byteCount: 9_999), at: .seconds(second), interval: fourHours)
        }
        #expect(schedule.failures == 29 && schedule.isBound && schedule.trouble != nil)
        #expect(try wait(schedule.handle(.succeeded, at: .seconds(40), interval: fourHours)) == quiet)
        #expect(schedule.trouble == nil && schedule.failures == 0 && schedule.isUndisturbed)
        let first = try wait(
            schedule.handle(.failed(trouble(.dns), byteCount: 0), at: .seconds(50), interval: fourHours))
        #expect(first <= .seconds(15))
        let phases = (0..<50).map { number -> Duration in
            var other = CloudSchedule(identity: "device \(number)")
            return (try? wait(other.handle(.succeeded, at: .zero, interval: fourHours))) ?? .zero
        }
        #expect(Set(phases).count > 40, "a fleet does not come together")
    }

    @Test(
        "Retry-After is obeyed, never beyond twelve hours",
        arguments: [(120, 120, 132), (3_600, 3_600, 3_960), (43_200, 43_200, 43_200), (315_360_000, 43_200, 43_200)])
    func retryAfter(_ asked: Int, _ least: Int, _ most: Int) throws {
        var schedule = CloudSchedule(identity: "one")
        let event = CloudSchedule.Event.failed(trouble(.busy), retryAfter: .seconds(asked), byteCount: 0)
        let pause = try wait(schedule.handle(event, at: .zero, interval: fourHours))
        #expect(pause >= .seconds(least) && pause <= .seconds(most))
        #expect(schedule.handle(.networkChanged, at: .seconds(1), interval: fourHours) == .asBefore)
        #expect(!schedule.mayTalk(at: .seconds(1)) && schedule.mayTalk(at: pause))
    }

    @Test("a day of failures has no more of them, and costs no more, than the day may", arguments: [14_400, 600, 60])
    func caps(_ interval: Int) throws {
        let interval = Duration.seconds(interval)
        for bytes: Int64 in [0, 3_000, 20_000] {
            var schedule = CloudSchedule(identity: "one")
            var now: Duration = .seconds(100)
            let end = now + .seconds(86_400)
            var (count, cost) = (0, Int64(0))
            while now < end {
                count += 1
                cost += bytes
                now += try wait(
                    schedule.handle(.failed(trouble(.garbledAnswer), byteCount: bytes), at: now, interval: interval))
                // Links that come and go all the time.
                if case .talk(let sooner) = schedule.handle(.networkChanged, at: now - .seconds(1), interval: interval)
                {
                    now = min(now, now - .seconds(1) + sooner)
                }
            }
            // One more may follow half a day of silence.
            #expect(count <= CloudSchedule.attemptLimit(interval: interval) + 1)
            #expect(cost <= CloudSchedule.byteLimit(interval: interval) + 2 * bytes)
        }
    }

    @Test("what the watch beside the passes tries and fails counts into the day's limits", arguments: [14_400, 600])
    func watch(_ interval: Int) throws {
        let interval = Duration.seconds(interval)
        let limit = CloudSchedule.attemptLimit(interval: interval)
        // The watch fails from the last good pass on; the passes fail when their time has come, and the watch then rests.
        for watchTries in [1, 15, limit - 1, limit + 5] {
            var schedule = CloudSchedule(identity: "one")
            _ = schedule.handle(.succeeded, at: .seconds(1), interval: interval)
            var now: Duration = .seconds(10)
            let end = now + .seconds(86_400)
            for _ in 0..<watchTries {
                #expect(schedule.handle(.watchFailed(byteCount: 100), at: now, interval: interval) == .asBefore)
                now += .seconds(1)
            }
            #expect(schedule.attemptsOfDay == watchTries && schedule.bytesOfDay == Int64(watchTries) * 100)
            var passTries = 0
            while now < end {
                passTries += 1
                now += try wait(schedule.handle(.failed(trouble(.dns), byteCount: 0), at: now, interval: interval))
            }
            // Passes that find the limit reached try once, and once more after half a day.
            #expect(watchTries + passTries <= max(limit, watchTries + 1) + 1, "\(watchTries) and \(passTries)")
        }
        var schedule = CloudSchedule(identity: "one")
        _ = schedule.handle(.watchFailed(byteCount: 100), at: .seconds(1), interval: interval)
        #expect(schedule.trouble == nil && schedule.failures == 0 && schedule.mayTalk(at: .seconds(2)))
        _ = schedule.handle(.succeeded, at: .seconds(3), interval: interval)
        #expect(schedule.attemptsOfDay == 0 && schedule.bytesOfDay == 0)
    }

    @Test("commands ask after each of the first failures, then with the schedule; an invitation ends any wait")
    func commands() throws {
        for kind in [CloudTrouble.Kind.unknownDevice, .busy] {
            var schedule = CloudSchedule(identity: "one")
            #expect(schedule.handle(.invited, at: .zero, interval: fourHours) == .asBefore, "nothing to end")
            for number in 1...10 {
                let time = Duration.seconds(number * 60)
                #expect(schedule.mayTalkOnCommand(at: time), "\(kind) \(number)")
                let event = CloudSchedule.Event.failed(trouble(kind), retryAfter: .seconds(7_200), byteCount: 0)
                _ = schedule.handle(event, at: time, interval: fourHours)
            }
            let now = Duration.seconds(660)
            let left = try #require(schedule.boundWait(at: now))
            #expect(!schedule.mayTalkOnCommand(at: now) && !schedule.mayTalk(at: now) && left > .seconds(7_000))
            #expect(schedule.mayTalkOnCommand(at: now + left) && schedule.boundWait(at: now + left) == nil)
            #expect(schedule.handle(.invited, at: now, interval: fourHours) == .talk(after: .zero))
            #expect(schedule.mayTalkOnCommand(at: now) && schedule.mayTalk(at: now) && schedule.trouble != nil)
            // A refusal after it is the first of its kind again.
            let next = try wait(
                schedule.handle(.failed(trouble(.unknownDevice), byteCount: 0), at: now, interval: fourHours))
            #expect(next >= hour && next <= hour * 5 / 4)
        }
    }

    @Test(
        "a token that was given out ends every trouble, and asks the cloud at once; without trouble it changes nothing")
    func activated() {
        var schedule = CloudSchedule(identity: "one")
        #expect(schedule.handle(.activated, at: .zero, interval: fourHours) == .asBefore)
        _ = schedule.handle(.failed(trouble(.unknownDevice), byteCount: 100), at: .zero, interval: fourHours)
        #expect(schedule.handle(.activated, at: .seconds(60), interval: fourHours) == .talk(after: .zero))
        #expect(schedule.trouble == nil && schedule.due == nil && schedule.mayTalk(at: .seconds(60)))
    }

    @Test("a change of the network brings a waiting retry forward, twice a minute at most, but no refused one")
    func network() throws {
        var schedule = CloudSchedule(identity: "one")
        #expect(schedule.handle(.networkChanged, at: .zero, interval: fourHours) == .asBefore)
        var now: Duration = .zero
        for _ in 0..<20 {
            now += try wait(
                schedule.handle(.failed(trouble(.noConnection), byteCount: 0), at: now, interval: fourHours))
        }
        now -= .seconds(600)
        schedule.due = now + .seconds(600)
        let soon = try wait(schedule.handle(.networkChanged, at: now, interval: fourHours))
        #expect(soon >= .seconds(2) && soon <= .seconds(6))
        #expect(schedule.handle(.networkChanged, at: now, interval: fourHours) == .asBefore, "it is due already")
        now += soon
        let next = try wait(
            schedule.handle(.failed(trouble(.noConnection), byteCount: 0), at: now, interval: fourHours))
        #expect(next <= .seconds(15), "and then the ramp begins anew")
        schedule.due = now + .seconds(600)
        #expect(try wait(schedule.handle(.networkChanged, at: now, interval: fourHours)) == .seconds(30))

        _ = schedule.handle(.failed(trouble(.notAuthorised), byteCount: 0), at: now, interval: fourHours)
        #expect(schedule.handle(.networkChanged, at: now + .seconds(60), interval: fourHours) == .asBefore)
    }

    @Test("a network that is never at rest neither uses up the day's attempts nor begins the ramp again and again")
    func restlessNetwork() throws {
        for number in 0..<40 {
            var schedule = CloudSchedule(identity: "device \(number)")
            var now: Duration = .seconds(100)
            let end = now + .seconds(86_400)
            var sign = now + .seconds(200)
            var count = 0
            while now < end {
                count += 1
                let pause = try wait(
                    schedule.handle(.failed(trouble(.dns), byteCount: 0), at: now, interval: fourHours))
                #expect(pause <= hour && !schedule.isBound, "device \(number), talk \(count)")
                var due = now + pause
                // As with router advertisements.
                while sign < due {
                    if case .talk(let sooner) = schedule.handle(.networkChanged, at: sign, interval: fourHours) {
                        due = sign + sooner
                    }
                    sign += .seconds(200)
                }
                now = due
            }
            #expect(count <= CloudSchedule.attemptLimit(interval: fourHours) + 36, "device \(number)")
            // However long it lasts, the network is heeded after an hour without a change.
            schedule.due = now + hour * 2
            let later = now + .seconds(3_700)
            guard !schedule.isBound else { continue }
            #expect(schedule.handle(.networkChanged, at: later, interval: fourHours) != .asBefore)
        }
    }

    @Test("a time that went by without a talk is answered with a pause, never with none")
    func notAsked() throws {
        for interval in [fourHours, .seconds(1)] {
            var schedule = CloudSchedule(identity: "one")
            let first = try wait(
                schedule.handle(.failed(trouble(.dns), byteCount: 0), at: .zero, interval: interval))
            let half = first / 2
            #expect(try wait(schedule.handle(.notAsked, at: half, interval: interval)) == first - half)
            for late in [first, first + .seconds(1), first + hour] {
                #expect(
                    try wait(schedule.handle(.notAsked, at: late, interval: interval)) == min(.seconds(5), interval))
            }
        }
    }

    @Test("trouble of a boot before whose beginning was in doubt begins with this boot, and is never in the future")
    func sinceOfAnotherBoot() throws {
        var schedule = CloudSchedule(identity: "one")
        let old = CloudTrouble(.clock, reason: "why", since: .inDoubt(sinceBoot: .seconds(90_000)))
        _ = schedule.handle(.failed(old, byteCount: 0), at: .seconds(90_000), interval: fourHours)
        var read = CloudSchedule(identity: "one", json: schedule.json)
        read.rebooted(at: .seconds(20))
        #expect(read.trouble?.since == .inDoubt(sinceBoot: .seconds(20)))
        let now = WallTime(milliseconds: 1_795_000_000_000)
        read.settleTime(now: now, sinceBoot: .seconds(50))
        #expect(read.trouble?.since == now.advanced(by: .seconds(-30)))
        // A time that was trusted stays.
        read.rebooted(at: .seconds(5))
        #expect(read.trouble?.since == now.advanced(by: .seconds(-30)))
    }

    @Test("a step of the clock brings forward what a wrong clock may have caused, and nothing else")
    func clock() throws {
        for kind in CloudTrouble.Kind.allCases {
            var schedule = CloudSchedule(identity: "one")
            _ = schedule.handle(.failed(trouble(kind), byteCount: 0), at: .zero, interval: fourHours)
            if !kind.isRefusal { schedule.due = .seconds(3_000) }
            let action = schedule.handle(.clockStepped, at: .seconds(1), interval: fourHours)
            #expect((action != .asBefore) == [.clock, .certificateExpired, .tls].contains(kind), "\(kind)")
        }
    }

    @Test("patience outlives the process, is an hour after a boot, and a crash loop talks ever less")
    func restarts() throws {
        var schedule = CloudSchedule(identity: "one")
        for _ in 0..<4 {
            _ = schedule.handle(.failed(trouble(.unknownDevice), byteCount: 0), at: .zero, interval: fourHours)
        }
        let left = try #require(schedule.due) - .seconds(600)
        #expect(left > .seconds(7 * 3_600))
        var read = CloudSchedule(identity: "one", json: schedule.json)
        let wait = try wait(read.handle(.started, at: .seconds(600), interval: fourHours))
        #expect(wait <= left && wait > left - .seconds(1))
        read.rebooted(at: .seconds(5))
        #expect(try self.wait(read.handle(.started, at: .seconds(5), interval: fourHours)) == hour)

        var crashing = CloudSchedule(identity: "one")
        let waits = try (0..<30).map { second in
            crashing = CloudSchedule(identity: "one", json: crashing.json)
            return try self.wait(crashing.handle(.started, at: .seconds(second), interval: fourHours))
        }
        #expect(waits.prefix(10).allSatisfy { $0 == .zero } && waits.last == hour, "\(waits)")
        #expect(waits == waits.sorted())
        // An hour later it may again.
        #expect(try self.wait(crashing.handle(.started, at: .seconds(7_300), interval: fourHours)) == .zero)
    }

    @Test("what the journal keeps reads back as it was, and nonsense counts as new")
    func json() throws {
        var schedule = CloudSchedule(identity: "one")
        _ = schedule.handle(.started, at: .seconds(1), interval: fourHours)
        _ = schedule.handle(.failed(trouble(.proxy), byteCount: 77), at: .seconds(2), interval: fourHours)
        _ = schedule.handle(.networkChanged, at: .seconds(3), interval: fourHours)
        let read = CloudSchedule(identity: "one", json: schedule.json)
        #expect(read.json == schedule.json && read.trouble == schedule.trouble && read.failures == 1)
        let nonsense: JSONValue = [
            "failures": -5, "due": .int(.max), "day_bytes": .int(.min), "trouble": ["kind": "no such"], "pause": "x",
        ]
        let new = CloudSchedule(identity: "one", json: nonsense)
        #expect(new.trouble == nil && new.due == nil && new.failures == 0 && new.isUndisturbed)
    }

    @Test("every kind of trouble has words of its own")
    func words() {
        let words = CloudTrouble.Kind.allCases.map { trouble($0).words() }
        #expect(Set(words).count == words.count && words.allSatisfy { !$0.isEmpty })
        #expect(
            trouble(.clock).words(clockDoubt: "behind (1970-01-01)")
                == "this machine's clock is behind (1970-01-01): TLS certificates cannot be checked")
        #expect(trouble(.dns).words(clockDoubt: "behind (1970-01-01)") == trouble(.dns).words())
    }
}
