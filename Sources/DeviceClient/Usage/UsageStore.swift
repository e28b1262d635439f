internal import Documents
public import GatewaySystem
internal import Glibc

/// `usage.db`: what every process of this gateway has sent and received, for `usage_report`, `gwe usage` and data budgets.
///
/// Two things are kept. *Intervals*, for the report: records add up in an open one by interface, identity, method and
/// resources; `freeze` closes it, it is sent unchanged until the cloud has it, and `forget` drops it (D8). *Days*:
/// totals per interface and identity, 400 days of them. Every call is one transaction: a crash at any point leaves all of it or
/// nothing, and a power cut takes back no more than the last record that was added. Several processes may have the file open.
///
/// Nobody can fill the disk with names: an interval holds 200 keys, a day 32, and what comes beyond goes to an entry
/// whose identity is `other`.
///
/// A day is the wall clock's, in UTC, where that clock can be believed. Otherwise the record goes to day 0, whose totals
/// move to the day on which the clock is believed again.
///
/// No sum goes beyond 32 TiB, whatever is added: `sumLimit`.
public final class UsageStore: Sendable {
    static let keyLimit: Int64 = 200
    static let dayKeyLimit: Int64 = 32
    static let interfaceLimit: Int64 = 16
    static let dayLimit: Int64 = 400
    /// Where each sum stops. Those of all rows together stay below 2^63 then.
    static let sumLimit: Int64 = 1 << 45
    /// In place of names that do not fit any more.
    public static let other = "other"

    let database: Database
    private let file: FileIdentity?

    private init(_ database: Database) {
        self.database = database
        file = FileIdentity(database.path)
    }

    /// Whether the file that is open still has its name: another process may have moved it aside.
    package var isInPlace: Bool { file != nil && FileIdentity(database.path) == file }

    /// The file of a state folder.
    public static func path(stateFolder: String) -> String { stateFolder + "/usage.db" }

    /// Opens the file to write, creating it; the folder must be there. A damaged one is moved aside to
    /// `usage.db.broken`, which replaces an older such file, and counting begins anew. A read that failed once is no
    /// damage: then this throws, and nothing has been touched.
    public static func open(stateFolder: String) throws(DatabaseError) -> UsageStore {
        let path = path(stateFolder: stateFolder)
        do throws(DatabaseError) { return try opened(path) } catch {
            // A read that failed looks like damage, too; it may succeed at once.
            guard error.isCorrupt || error.systemCode != 0 else { throw error }
            guard error.systemCode == 0 else { return try opened(path) }
            if let store = try DatabaseDamage.lookedAtAgain(path, { () throws(DatabaseError) in try opened(path) }) {
                return store
            }
            rename(path, path + ".broken")
            unlink(path + "-journal")
            return try opened(path)
        }
    }

    private static func opened(_ path: String) throws(DatabaseError) -> UsageStore {
        let database = try Database(path: path)
        guard try UsageSchema.migrate(database) else {
            throw DatabaseError("open usage", path: path, code: 1, message: "it was written by a newer gwe")
        }
        return UsageStore(database)
    }

    /// Opens the file to look at it; nil where nothing was ever counted. Writes nothing, no side file either.
    public static func openReadOnly(stateFolder: String) throws(DatabaseError) -> UsageStore? {
        let path = path(stateFolder: stateFolder)
        guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
        let database = try Database(path: path, mode: .readOnly)
        return try database.userVersion() > 0 ? UsageStore(database) : nil
    }

    // MARK: Counting

    /// Adds records in one transaction.
    ///
    /// - Parameter unixSeconds: the wall clock; nil where it cannot be believed.
    public func add(_ records: [UsageRecord], at unixSeconds: Int64?) throws(DatabaseError) {
        guard !records.isEmpty else { return }
        try database.relaxedTransaction { (c: inout DatabaseConnection) throws(DatabaseError) in
            let day = try c.usageDay(at: unixSeconds)
            let interval = try c.openUsageInterval()
            for record in records {
                try c.addUsage(record, interval: interval)
                try c.addUsage(record, day: day)
            }
        }
    }

    /// Closes the open interval and returns it. One that is frozen already is returned as it is, and the open one goes on
    /// taking records; so a report that was not acknowledged is sent again, unchanged. nil when nothing was counted.
    ///
    /// Bytes that came after the report of their request, such as the end of its connection, wait for the next request of
    /// their kind: no row is sent that has bytes and no request.
    public func freeze() throws(DatabaseError) -> UsageInterval? {
        try database.transaction { (c: inout DatabaseConnection) throws(DatabaseError) in
            if let frozen = try c.usageInterval(isFrozen: true) { return frozen }
            guard let open = try c.usageInterval(isFrozen: false) else { return nil }
            try c.execute("UPDATE interval SET frozen = 1")
            let rest = "interval = ? AND num = 0"
            if try c.query("SELECT 1 FROM entry WHERE \(rest) LIMIT 1", [.integer(open.id)]).first != nil {
                let next = try c.openUsageInterval()
                try c.execute("UPDATE entry SET interval = ? WHERE \(rest)", [.integer(next), .integer(open.id)])
            }
            return try c.usageInterval(isFrozen: true)
        }
    }

    /// The interval that `freeze` has closed and nobody has forgotten yet.
    public func frozen() throws(DatabaseError) -> UsageInterval? {
        try database.withConnection { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.usageInterval(isFrozen: true)
        }
    }

    /// The interval that records are added to; nil when there were none since the last `freeze`. Changes nothing: for a dry
    /// run, or for somebody who looks.
    public func open() throws(DatabaseError) -> UsageInterval? {
        try database.withConnection { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.usageInterval(isFrozen: false)
        }
    }

    /// Drops a frozen interval: the cloud has it. One that is gone already is no error. Days stay.
    public func forget(_ id: Int64) throws(DatabaseError) {
        try database.transaction { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute(
                "DELETE FROM entry WHERE interval IN (SELECT id FROM interval WHERE id = ? AND frozen = 1)",
                [.integer(id)])
            try c.execute("DELETE FROM interval WHERE id = ? AND frozen = 1", [.integer(id)])
        }
    }

    // MARK: Totals

    /// Totals per day, interface and identity, oldest first.
    ///
    /// - Parameter first: no day before this one; nil: all that are kept.
    public func days(from first: UsageDay? = nil) throws(DatabaseError) -> [UsageTotal] {
        let rows = try database.query(
            """
            SELECT day, interface, identity, num, tx, rx, tx_headers, rx_headers FROM day
            WHERE day >= ? ORDER BY day, interface, identity
            """, [.integer(first?.number ?? 0)])
        return rows.map { row in
            UsageTotal(
                day: UsageDay(number: row[0].int ?? 0), interface: row[1].string ?? "", identity: row[2].string ?? "",
                count: row[3].int ?? 0, sentByteCount: row[4].int ?? 0, receivedByteCount: row[5].int ?? 0,
                sentWithHeaders: row[6].int ?? 0, receivedWithHeaders: row[7].int ?? 0)
        }
    }

    /// The same per month, whose `day` is its first.
    public func months() throws(DatabaseError) -> [UsageTotal] {
        var months: [UsageTotal] = []
        for day in try days() {
            let first = day.day.number == 0 ? day.day : day.day.firstOfMonth
            let index = months.firstIndex {
                $0.day == first && $0.interface == day.interface && $0.identity == day.identity
            }
            if let index {
                months[index].add(day)
            } else {
                var month = day
                month.day = first
                months.append(month)
            }
        }
        return months.sorted { ($0.day, $0.interface, $0.identity) < ($1.day, $1.interface, $1.identity) }
    }
}

extension UsageTotal {
    /// Adds what another total counted; day and names stay.
    mutating func add(_ other: UsageTotal) {
        count = count.saturating(adding: other.count)
        sentByteCount = sentByteCount.saturating(adding: other.sentByteCount)
        receivedByteCount = receivedByteCount.saturating(adding: other.receivedByteCount)
        sentWithHeaders = sentWithHeaders.saturating(adding: other.sentWithHeaders)
        receivedWithHeaders = receivedWithHeaders.saturating(adding: other.receivedWithHeaders)
    }
}
