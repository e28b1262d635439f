internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// What the journal knows of the time. While the clock is in doubt its times are times since boot (`WallTime.inDoubt`);
/// they become wall times as soon as the clock is trusted.
extension Journal {
    static let trustedTimeKey = "trusted_time"
    /// The boot whose times in doubt the journal holds.
    static let doubtBootKey = "clock_doubt_boot"
    /// The trusted time is written with other changes, and no oftener.
    private static let notePace: Duration = .seconds(3_600)

    /// Every column that holds a moment.
    private static let moments = [
        ("layer", ["accepted_at"]), ("command", ["accepted_at", "cleared_at"]),
        ("release", ["created_at", "installed_at"]), ("app", ["applied_at"]), ("attempt", ["last_at", "next_at"]),
        ("operation", ["started_at", "finished_at"]), ("step", ["started_at", "finished_at"]),
        ("sent_report", ["sent_at"]), ("fetch_status", ["updated_at"]), ("problem", ["since"]),
    ]

    /// The newest wall time that was believed; nil when none is known.
    func trustedTime() throws(JournalError) -> WallTime? {
        guard let text = try value(Journal.trustedTimeKey), let time = Int64(text) else { return nil }
        return WallTime(milliseconds: time)
    }

    /// In the transaction of a change: that it was made at a trusted time, or that times in doubt are in the journal.
    func noteTime(in c: inout DatabaseConnection) throws(DatabaseError) {
        let now = clock()
        let last = notedTime.withLock(\.self)
        if now.isInDoubt {
            guard last?.isInDoubt != true else { return }
            try c.setValue(Journal.doubtBootKey, FileSystemInfo.bootIdentifier)
        } else {
            if let last, !last.isInDoubt, now >= last, last.duration(to: now) < Journal.notePace { return }
            try c.setValue(Journal.trustedTimeKey, String(now.milliseconds))
        }
        notedTime.withLock { $0 = now }
    }

    /// Stamps what was recorded while the clock was in doubt. Of a boot before only the order is known: those records
    /// are from after the last trusted time, and get that one.
    /// - Parameter sinceBoot: when `now` is, by the boot that runs.
    func settleTimes(now: WallTime, sinceBoot: Duration, newest: WallTime) throws(JournalError) {
        guard let boot = try value(Journal.doubtBootKey) else { return }
        let isOfThisBoot = boot == FileSystemInfo.bootIdentifier
        if now.isInDoubt, isOfThisBoot { return }
        let bound =
            isOfThisBoot
            ? now.milliseconds - WallTime.inDoubt(sinceBoot: sinceBoot).milliseconds : newest.milliseconds
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            if !isOfThisBoot {
                // How long a release that failed is left alone is known of any boot.
                try c.execute(
                    "UPDATE attempt SET next_at = ?1 + next_at - last_at WHERE next_at >= ?2 AND last_at >= ?2",
                    [.integer(bound), .integer(WallTime.doubt)])
            }
            for (table, columns) in Journal.moments {
                for column in columns {
                    let value = isOfThisBoot ? "\(column) + ?1" : "?1"
                    try c.execute(
                        "UPDATE \(table) SET \(column) = \(value) WHERE \(column) >= ?2",
                        [.integer(bound), .integer(WallTime.doubt)])
                }
            }
            try c.setValue(Journal.doubtBootKey, nil)
        }
    }
}

extension DatabaseConnection {
    /// Rows changed since the connection was opened (sqlite3_total_changes()).
    mutating func changeCount() throws(DatabaseError) -> Int64 {
        try query("SELECT total_changes()").first?[0].int ?? 0
    }
}

extension GatewayContext {
    /// Takes what the journal knows of the time into account. Writes nothing.
    func learnTime(from journal: Journal?) throws(JournalError) { trust.learn(try journal?.trustedTime()) }

    /// The same, and stamps the journal's records that are in doubt, once the clock is trusted.
    func settleTimes(in journal: Journal) throws(JournalError) {
        try learnTime(from: journal)
        let now = clock()
        try journal.settleTimes(now: now, sinceBoot: sinceBoot(), newest: trust.newest)
        guard !now.isInDoubt, let noted = try journal.trustedTime(), noted > now.advanced(by: ClockTrust.slack) else {
            return
        }
        // A clock that was ahead wrote it. It must not make this one doubtful once nobody synchronises it any more.
        try journal.setValue(Journal.trustedTimeKey, String(now.milliseconds))
    }
}
