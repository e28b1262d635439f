/// When a gateway talks to its cloud next. A value: an event in, the pause until the next talk out.
///
/// While all is well: the interval, moved by a phase that this device keeps. In trouble: decorrelated jitter (M. Brooker,
/// "Exponential Backoff And Jitter", AWS, 2015): each pause is drawn between `base` and three times the one before, up to
/// an hour or the interval if that is shorter, so that it starts with seconds. What only a person can end: an hour, then
/// twice as long each time, up to twelve. `Retry-After` is obeyed up to twelve hours. More failed talks or bytes than a
/// day may have: none until the day is over, at most twelve hours. A success resets everything.
///
/// Times are since boot, sleep included; no wall clock takes part. Everything drawn comes from a seed that the device
/// keeps, so that gateways that failed together do not come back together.
public struct CloudSchedule: Sendable, Hashable {
    /// What happened.
    public enum Event: Sendable, Hashable {
        /// gwe was started; the state was read from where the last process left it.
        case started
        /// The cloud answered all that was asked.
        case succeeded
        /// - Parameter byteCount: what the talk cost, both ways.
        case failed(CloudTrouble, retryAfter: Duration? = nil, byteCount: Int64)
        /// A pass did not ask the cloud.
        case notAsked
        /// An address or a default route has appeared.
        case networkChanged
        /// The wall clock was set.
        case clockStepped
        /// A person has asked for a token, or has put one in place: whatever the wait was for may be over.
        case invited
        /// The cloud has given out a token: it answers, and what it refused for want of one is over.
        case activated
        /// What listens to the cloud between the talks has failed. It has pauses of its own; the day's limits count it.
        case watchFailed(byteCount: Int64)
    }

    /// What follows from an event.
    public enum Action: Sendable, Hashable {
        /// The next talk is that long from now; zero means at once.
        case talk(after: Duration)
        /// The next talk is when it was to be.
        case asBefore
    }

    static let base: Duration = .seconds(5)
    static let longestPause: Duration = .seconds(3_600)
    static let firstPatience: Duration = .seconds(3_600)
    /// The longest time for which anything keeps a gateway silent, `Retry-After` included.
    public static let longestPatience: Duration = .seconds(12 * 3_600)
    static let day: Duration = .seconds(24 * 3_600)
    /// Between two signs from outside that bring the next talk forward: at least this, twice as long each time that it
    /// was in vain, up to an hour.
    static let nudgeGap: Duration = .seconds(30)
    /// So many signs begin the ramp anew; each later one is good for one talk.
    static let rampingNudges = 3
    /// So many starts of gwe in an hour may talk at once.
    static let freeStarts = 10
    /// So many failed talks in a row do not keep the next command from asking.
    static let freeFailures = 10

    /// Failed talks that a day may have: a ramp from seconds to an hour, an hour's pace, and what the interval asks for.
    public static func attemptLimit(interval: Duration) -> Int {
        72 + Int(min(86_400, day / max(interval, .seconds(1))))
    }

    /// Bytes that failed talks may cost in a day, both ways.
    public static func byteLimit(interval: Duration) -> Int64 { Int64(attemptLimit(interval: interval)) * 4_096 }

    /// A hash of the identity: what is drawn by chance follows from it, and differs from device to device.
    public let seed: UInt64
    var draws: UInt64 = 0
    /// What was wrong with the last talk; nil while all is well. Its `since` is that of the first failure in a row.
    public internal(set) var trouble: CloudTrouble?
    /// Failed talks in a row.
    public internal(set) var failures = 0
    var refusals = 0
    /// The last pause of the ramp.
    var pause = CloudSchedule.base
    /// The time between the last failed talk and the next.
    var lastWait: Duration = .zero
    /// When the next talk is due; nil while all is well.
    public internal(set) var due: Duration?
    /// Whether nothing may bring it forward.
    public internal(set) var isBound = false
    var dayBegan: Duration = .zero
    /// Failed talks since the day began with the first of them. Talks that a sign from outside brought forward do not
    /// count.
    public internal(set) var attemptsOfDay = 0
    /// Bytes that failed talks have cost since the day began, both ways.
    public internal(set) var bytesOfDay: Int64 = 0
    var lastNudge: Duration?
    /// How often this trouble's next talk was brought forward.
    var nudges = 0
    /// Whether the next talk is one that was: such a talk does not count into the day's attempts, so that a restless
    /// network does not use them up.
    var isNudged = false
    var hourBegan: Duration = .zero
    var startsOfHour = 0

    /// A new schedule for a device.
    /// - Parameter identity: the name of the gateway in the cloud's product, which its chance is drawn from.
    public init(identity: String) {
        // FNV-1a.
        seed = identity.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// Takes an event and says when the next talk is.
    /// - Parameters:
    ///   - now: since boot, sleep included.
    ///   - interval: the update interval in force.
    public mutating func handle(_ event: Event, at now: Duration, interval: Duration) -> Action {
        switch event {
        case .started: return start(at: now)
        case .succeeded:
            forget()
            return .talk(after: undisturbed(interval))
        case .failed(let trouble, let retryAfter, let byteCount):
            return fail(trouble, retryAfter, byteCount, at: now, interval: interval)
        case .notAsked:
            guard let due else { return .talk(after: undisturbed(interval)) }
            // A time that went by without a talk must not make passes follow one another at once.
            return .talk(after: due > now ? due - now : min(CloudSchedule.base, interval))
        case .networkChanged: return bringForward(at: now)
        case .clockStepped: return trouble?.kind.mayBeClock == true ? bringForward(at: now) : .asBefore
        case .invited:
            guard due != nil else { return .asBefore }
            (due, lastWait, isBound, refusals) = (now, .zero, false, 0)
            return .talk(after: .zero)
        case .activated:
            guard due != nil else { return .asBefore }
            forget()
            return .talk(after: .zero)
        case .watchFailed(let byteCount):
            count(byteCount, at: now)
            return .asBefore
        }
    }

    /// Whether a talk that nobody asked for by hand, and that is not due, may take place.
    public func mayTalk(at now: Duration) -> Bool { !isBound || due.map { $0 <= now } ?? true }

    /// Whether a talk may take place because a command was run. The first failures in a row do not count, so that who
    /// mends something need not wait; a script that runs again and again keeps to the schedule after them.
    public func mayTalkOnCommand(at now: Duration) -> Bool {
        failures < CloudSchedule.freeFailures || mayTalk(at: now)
    }

    /// For how long nothing may bring the next talk forward; nil when something may.
    public func boundWait(at now: Duration) -> Duration? {
        guard isBound, let due, due > now else { return nil }
        return due - now
    }

    /// The machine was started anew: times of the boot before say nothing now. What only a person can end waits for an
    /// hour at most, in case the start was that person's; the day's counts go on into a new day.
    public mutating func rebooted(at now: Duration) {
        due = isBound ? now + min(lastWait, CloudSchedule.firstPatience) : nil
        dayBegan = now
        lastNudge = nil
        (nudges, isNudged) = (0, false)
        hourBegan = now
        startsOfHour = 0
        // In doubt, it counts from the start of that boot; nobody knows any more when that was.
        if trouble?.since.isInDoubt == true { trouble?.since = .inDoubt(sinceBoot: now) }
    }

    // MARK: events

    private mutating func start(at now: Duration) -> Action {
        if now - hourBegan >= .seconds(3_600) || now < hourBegan { (hourBegan, startsOfHour) = (now, 0) }
        startsOfHour += 1
        var wait: Duration = .zero
        if let due, isBound { wait = max(.zero, due - now) }
        let more = startsOfHour - CloudSchedule.freeStarts
        // A gwe that crashes again and again must not burn a paid link.
        if more > 0 { wait = max(wait, min(CloudSchedule.longestPause, CloudSchedule.base * (1 << min(more, 20)))) }
        if wait > .zero { (due, isBound) = (now + wait, true) }
        return .talk(after: wait)
    }

    private mutating func fail(
        _ new: CloudTrouble, _ retryAfter: Duration?, _ byteCount: Int64, at now: Duration, interval: Duration
    ) -> Action {
        count(byteCount, at: now)
        failures += 1
        isNudged = false
        let base = min(CloudSchedule.base, interval)
        if trouble == nil { pause = base }
        trouble = CloudTrouble(new.kind, reason: new.reason, since: trouble?.since ?? new.since)
        isBound = false
        var wait: Duration
        if new.kind.isRefusal {
            refusals += 1
            let patience = CloudSchedule.firstPatience * (1 << min(refusals - 1, 8))
            wait = min(CloudSchedule.longestPatience, draw(from: patience, to: patience * 5 / 4))
            isBound = true
        } else {
            let longest = max(base, min(interval, CloudSchedule.longestPause))
            // From half of the last one, not from the base: that would linger at seconds for hours (its logarithm
            // hardly grows), and use up the day's attempts.
            pause = min(longest, draw(from: max(base, pause / 2), to: pause * 3))
            wait = pause
        }
        if let retryAfter, retryAfter > .zero {
            let asked = min(retryAfter, CloudSchedule.longestPatience)
            let later = min(CloudSchedule.longestPatience, draw(from: asked, to: asked * 11 / 10))
            if later > wait { (wait, isBound) = (later, true) }
        }
        if attemptsOfDay >= CloudSchedule.attemptLimit(interval: interval)
            || bytesOfDay >= CloudSchedule.byteLimit(interval: interval)
        {
            let rest = dayBegan + CloudSchedule.day - now
            wait = max(wait, min(CloudSchedule.longestPatience, rest))
            isBound = true
        }
        (due, lastWait) = (now + wait, wait)
        return .talk(after: wait)
    }

    /// Counts a failure into the day that began with the first one.
    private mutating func count(_ byteCount: Int64, at now: Duration) {
        if now - dayBegan >= CloudSchedule.day || now < dayBegan || attemptsOfDay == 0 {
            (dayBegan, attemptsOfDay, bytesOfDay) = (now, 0, 0)
        }
        // What a sign from outside brought forward is bounded by itself.
        if !isNudged { attemptsOfDay += 1 }
        bytesOfDay += max(0, byteCount)
    }

    private mutating func bringForward(at now: Duration) -> Action {
        guard trouble != nil, !isBound, let due, due > now else { return .asBefore }
        // An address comes before its route, and DNS after both.
        var soon = now + draw(from: .seconds(2), to: .seconds(6))
        if let lastNudge {
            let gap = CloudSchedule.nudgeGap * (1 << min(max(0, nudges - 1), 7))
            soon = max(soon, lastNudge + min(gap, CloudSchedule.longestPause))
        }
        guard soon < due else { return .asBefore }
        self.due = soon
        lastNudge = soon
        isNudged = true
        nudges += 1
        if nudges <= CloudSchedule.rampingNudges { pause = CloudSchedule.base }
        return .talk(after: soon - now)
    }

    private mutating func forget() {
        trouble = nil
        failures = 0
        refusals = 0
        pause = CloudSchedule.base
        due = nil
        isBound = false
        (nudges, isNudged) = (0, false)
        (attemptsOfDay, bytesOfDay) = (0, 0)
    }

    // MARK: chance

    /// The interval, later by up to a tenth: always the same part of it for one device.
    private func undisturbed(_ interval: Duration) -> Duration { interval + interval / 10 * Int(seed % 1_000) / 1_000 }

    /// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014).
    private mutating func draw(from low: Duration, to high: Duration) -> Duration {
        draws &+= 1
        var z = seed &+ draws &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        z ^= z >> 31
        guard high > low else { return low }
        return low + (high - low) * (Double(z >> 11) / Double(1 << 53))
    }
}

extension CloudSchedule {
    /// Stamps the beginning of a trouble that began while the clock was in doubt.
    public mutating func settleTime(now: WallTime, sinceBoot: Duration) {
        guard let since = trouble?.since, since.isInDoubt, !now.isInDoubt else { return }
        trouble?.since = now.advanced(by: WallTime.inDoubt(sinceBoot: sinceBoot).duration(to: since))
    }
}
