public import Documents

/// The schedule as the journal keeps it over restarts of gwe. What is missing or nonsense counts as new.
extension CloudSchedule {
    /// Whether there is anything to keep: a new schedule of the same identity behaves alike otherwise.
    public var isUndisturbed: Bool { trouble == nil && due == nil && startsOfHour == 0 }

    /// An object with times in milliseconds since boot. The seed is left out: it follows from the identity.
    public var json: JSONValue {
        func time(_ duration: Duration?) -> JSONValue { duration.map { .int(Int64($0 / .milliseconds(1))) } ?? .null }
        return [
            "draws": .int(Int64(draws & 0x7fff_ffff)), "trouble": trouble?.json ?? .null,
            "failures": .int(Int64(failures)), "refusals": .int(Int64(refusals)), "pause": time(pause),
            "wait": time(lastWait),
            "due": time(due), "bound": .bool(isBound), "day_began": time(dayBegan),
            "day_attempts": .int(Int64(attemptsOfDay)), "day_bytes": .int(bytesOfDay), "nudged": time(lastNudge),
            "nudges": .int(Int64(nudges)), "is_nudged": .bool(isNudged),
            "hour_began": time(hourBegan), "hour_starts": .int(Int64(startsOfHour)),
        ]
    }

    /// Reads what `json` wrote. A value that is missing, of another kind or beyond a hundred years is as in a new
    /// schedule.
    /// - Parameter identity: the present one; with another one, other pauses are drawn.
    public init(identity: String, json: JSONValue) {
        self.init(identity: identity)
        // A hundred years: sums of two such times stay far from any limit.
        func time(_ key: String) -> Duration? {
            json[key]?.int.flatMap { (0...3_200_000_000_000).contains($0) ? .milliseconds($0) : nil }
        }
        func count(_ key: String) -> Int { Int(min(max(0, json[key]?.int ?? 0), 1 << 40)) }
        draws = UInt64(count("draws"))
        trouble = json["trouble"].flatMap(CloudTrouble.init)
        failures = count("failures")
        refusals = count("refusals")
        pause = time("pause") ?? CloudSchedule.base
        lastWait = time("wait") ?? .zero
        due = time("due")
        isBound = json["bound"]?.bool ?? false
        dayBegan = time("day_began") ?? .zero
        attemptsOfDay = count("day_attempts")
        bytesOfDay = Int64(count("day_bytes"))
        lastNudge = time("nudged")
        nudges = count("nudges")
        isNudged = json["is_nudged"]?.bool ?? false
        hourBegan = time("hour_began") ?? .zero
        startsOfHour = count("hour_starts")
    }
}
