internal import Documents
internal import GatewaySystem

/// The rows of `usage.db`. Every function takes part in its caller's transaction.
extension DatabaseConnection {
    /// The open interval, made if there is none.
    mutating func openUsageInterval() throws(DatabaseError) -> Int64 {
        if let id = try query("SELECT id FROM interval WHERE frozen = 0").first?[0].int { return id }
        try execute("INSERT INTO interval (frozen) VALUES (0)")
        return lastInsertID
    }

    mutating func addUsage(_ record: UsageRecord, interval: Int64) throws(DatabaseError) {
        var names: [SQLValue] = [
            .integer(interval),
            .text(try usageInterface(record.interface, "entry WHERE interval = ?", [.integer(interval)])),
            .text(record.identity), .text(record.method.rawValue),
            .text(JSONValue.array(record.resources.map { .string($0) }).text()),
        ]
        let isKnown = try query(
            """
            SELECT EXISTS (SELECT 1 FROM entry
                WHERE interval = ? AND interface = ? AND identity = ? AND method = ? AND resources = ?)
                OR (SELECT count(*) FROM entry WHERE interval = ?) < ?
            """, names + [.integer(interval), .integer(UsageStore.keyLimit)]
        ).first?[0].bool
        if isKnown != true {
            names[2] = .text(UsageStore.other)
            names[4] = .text("[\"\(UsageStore.other)\"]")
        }
        try execute(
            """
            INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                \(Self.addition), microseconds = \(Self.sum("microseconds")),
                max_tx = max(max_tx, excluded.max_tx), max_rx = max(max_rx, excluded.max_rx),
                max_microseconds = max(max_microseconds, excluded.max_microseconds)
            """,
            names + [
                SQLValue(record.count), .integer(record.sentByteCount), .integer(record.receivedByteCount),
                .integer(record.largestSentByteCount), .integer(record.largestReceivedByteCount),
                .integer(record.sentWithHeaders), .integer(record.receivedWithHeaders),
                .integer(record.duration.wholeMicroseconds), .integer(record.longestDuration.wholeMicroseconds),
            ])
    }

    mutating func addUsage(_ record: UsageRecord, day: Int64) throws(DatabaseError) {
        var names: [SQLValue] = [
            .integer(day), .text(try usageInterface(record.interface, "day WHERE day = ?", [.integer(day)])),
            .text(record.identity),
        ]
        let isKnown = try query(
            """
            SELECT EXISTS (SELECT 1 FROM day WHERE day = ? AND interface = ? AND identity = ?)
                OR (SELECT count(*) FROM day WHERE day = ?) < ?
            """, names + [.integer(day), .integer(UsageStore.dayKeyLimit)]
        ).first?[0].bool
        if isKnown != true {
            names[2] = .text(UsageStore.other)
        }
        try execute(
            "INSERT INTO day VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \(Self.addition)",
            names + [
                SQLValue(record.count), .integer(record.sentByteCount), .integer(record.receivedByteCount),
                .integer(record.sentWithHeaders), .integer(record.receivedWithHeaders),
            ])
    }

    /// Adds, within the limit: beyond its integers SQLite would go on with floating point.
    private static func sum(_ column: String) -> String {
        "min(\(column) + excluded.\(column), \(UsageStore.sumLimit))"
    }

    private static let addition = ["num", "tx", "rx", "tx_headers", "rx_headers"].map { "\($0) = \(sum($0))" }
        .joined(separator: ", ")

    /// An interface that is known there, or one of the first few, keeps its name: budgets go by it.
    private mutating func usageInterface(
        _ name: String, _ rows: String, _ bindings: [SQLValue]
    ) throws(DatabaseError) -> String {
        let isKept = try query(
            """
            SELECT EXISTS (SELECT 1 FROM \(rows) AND interface = ?)
                OR (SELECT count(DISTINCT interface) FROM \(rows)) < ?
            """, bindings + [.text(name)] + bindings + [.integer(UsageStore.interfaceLimit)]
        ).first?[0].bool
        return isKept == true ? name : UsageStore.other
    }

    /// The day to count on. At the next believed reading, what was counted before moves there; at each new day, the
    /// oldest beyond the limit go.
    mutating func usageDay(at unixSeconds: Int64?) throws(DatabaseError) -> Int64 {
        guard let unixSeconds else { return 0 }
        let today = UsageDay(unixSeconds: unixSeconds).number
        guard today > 0 else { return 0 }
        let newest = try query("SELECT max(day) FROM day").first?[0].int ?? 0
        if try query("SELECT EXISTS (SELECT 1 FROM day WHERE day = 0)").first?[0].bool == true {
            try execute(
                """
                INSERT INTO day SELECT ?, interface, identity, num, tx, rx, tx_headers, rx_headers FROM day WHERE day = 0
                ON CONFLICT DO UPDATE SET \(Self.addition)
                """, [.integer(today)])
            try execute("DELETE FROM day WHERE day = 0")
        }
        if today != newest {
            // By number and not by date: a clock that was once years ahead must not cost the history.
            try execute(
                "DELETE FROM day WHERE day NOT IN (SELECT DISTINCT day FROM day ORDER BY day DESC LIMIT ?) AND day != ?",
                [.integer(UsageStore.dayLimit - 1), .integer(today)])
        }
        return today
    }

    /// The frozen interval, or of the open one the rows that have a request; nil when there is none, or nothing in it.
    mutating func usageInterval(isFrozen: Bool) throws(DatabaseError) -> UsageInterval? {
        guard let id = try query("SELECT id FROM interval WHERE frozen = ?", [SQLValue(isFrozen)]).first?[0].int else {
            return nil
        }
        let rows = try query(
            """
            SELECT interface, identity, method, resources, num, tx, rx, max_tx, max_rx, tx_headers, rx_headers,
                microseconds, max_microseconds
            FROM entry WHERE interval = ?\(isFrozen ? "" : " AND num > 0")
            ORDER BY interface, identity, method, resources
            """, [.integer(id)])
        guard isFrozen || !rows.isEmpty else { return nil }
        return UsageInterval(id: id, entries: rows.compactMap(UsageEntry.init))
    }
}

extension UsageEntry {
    /// nil for a method that a newer gwe has written.
    fileprivate init?(_ row: Row) {
        func number(_ index: Int) -> Int64 { row[index].int ?? 0 }
        guard let method = UsageRecord.Method(rawValue: row[2].string ?? ""),
            let names = try? JSON.parse(Array((row[3].string ?? "").utf8), source: "usage.db").json
        else { return nil }
        interface = row[0].string ?? ""
        identity = row[1].string ?? ""
        self.method = method
        resources = names.elements?.compactMap(\.string) ?? []
        count = number(4)
        sentByteCount = number(5)
        receivedByteCount = number(6)
        largestSentByteCount = number(7)
        largestReceivedByteCount = number(8)
        sentWithHeaders = number(9)
        receivedWithHeaders = number(10)
        duration = .microseconds(number(11))
        longestDuration = .microseconds(number(12))
    }
}

extension Duration {
    /// At most 34 years of them, at least none.
    var wholeMicroseconds: Int64 {
        let limited = min(max(self, .zero), .seconds(1 << 30))
        return limited.components.seconds * 1_000_000 + limited.components.attoseconds / 1_000_000_000_000
    }
}
