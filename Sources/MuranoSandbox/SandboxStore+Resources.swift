internal import Documents
internal import GatewaySystem

extension SandboxStore {
    /// What a device reads: the newest of `reported` and `set`.
    struct Reading: Sendable {
        var name: String
        var value: [UInt8]
        var timestamp: Int64
    }

    struct Record {
        var name: String
        /// As the client wrote it, for the answer to a conflict.
        var stamp: String
        var timestamp: Int64
        var value: [UInt8]
    }

    /// Writes, then reads, as one: nothing comes in between. All writes bear one time.
    func exchange(
        _ device: String, writes: [(name: String, value: [UInt8])], reads: [String]
    ) throws -> [Reading] {
        let time = now()
        return try database.transaction { (connection) throws(DatabaseError) in
            for (name, value) in writes {
                try connection.execute(
                    """
                    INSERT INTO resources (device, name, reported, reported_us, set_value, set_us)
                    VALUES (?1, ?2, ?3, ?4, ?3, ?4)
                    ON CONFLICT DO UPDATE SET reported = ?3, reported_us = ?4, set_value = ?3, set_us = ?4
                    """, [.text(device), .text(name), SandboxStore.value(value), .integer(time)])
            }
            var readings: [Reading] = []
            for name in reads {
                if let reading = try SandboxStore.newest(device, name, &connection) { readings.append(reading) }
            }
            return readings
        }
    }

    private static func newest(
        _ device: String, _ name: String, _ connection: inout DatabaseConnection
    ) throws(DatabaseError) -> Reading? {
        let rows = try connection.query(
            "SELECT reported, reported_us, set_value, set_us FROM resources WHERE device = ?1 AND name = ?2",
            [.text(device), .text(name)])
        guard let row = rows.first else { return nil }
        let (reported, set) = (row[1].int ?? -1, row[3].int ?? -1)
        guard let value = bytes(set >= reported ? row[2] : row[0]) else { return nil }
        return Reading(name: name, value: value, timestamp: max(set, reported))
    }

    /// The operator's write: changes `set` alone.
    func set(_ device: String, _ name: String, _ value: [UInt8]) throws {
        guard SandboxStore.isName(name) else { throw SandboxError.badName(name) }
        try requireDevice(device)
        let time = now()
        try database.execute(
            """
            INSERT INTO resources (device, name, set_value, set_us) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET set_value = ?3, set_us = ?4
            """, [.text(device), .text(name), SandboxStore.value(value), .integer(time)])
    }

    /// The resources whose `set` is newer than what the device reported, the oldest first, and when they were set.
    func unresolved(_ device: String) throws -> [(name: String, timestamp: Int64)] {
        try database.query(
            """
            SELECT name, set_us FROM resources
            WHERE device = ?1 AND set_value IS NOT NULL AND set_us > coalesce(reported_us, -1) ORDER BY set_us
            """, [.text(device)]
        ).map { ($0[0].string ?? "", $0[1].int ?? 0) }
    }

    /// What was set at that time; nil if something else has been set since.
    func setValue(_ device: String, _ name: String, at timestamp: Int64) throws -> [UInt8]? {
        try database.query(
            "SELECT set_value FROM resources WHERE device = ?1 AND name = ?2 AND set_us = ?3",
            [.text(device), .text(name), .integer(timestamp)]
        ).first.flatMap { SandboxStore.bytes($0[0]) }
    }

    /// The operator's view. Without names, all that were ever written, by name.
    func resources(_ device: String, _ names: [String]) throws -> [(name: String, state: SandboxResource?)] {
        try requireDevice(device)
        var known: [String: SandboxResource] = [:]
        let rows = try database.query(
            "SELECT name, reported, reported_us, set_value, set_us FROM resources WHERE device = ?1 ORDER BY name",
            [.text(device)])
        for row in rows {
            let text = { (value: SQLValue) in
                SandboxStore.bytes(value).map { String(decoding: $0, as: UTF8.self) }
            }
            known[row[0].string ?? ""] = SandboxResource(
                reported: text(row[1]), set: text(row[3]), timestamp: max(row[2].int ?? 0, row[4].int ?? 0))
        }
        return (names.isEmpty ? rows.compactMap { $0[0].string } : names).map { ($0, known[$0]) }
    }

    /// What a device would read; null for a resource that was never written. Without names, all that were.
    func values(_ device: String, _ names: [String]) throws -> [(String, JSONValue)] {
        let names = try resources(device, names).map(\.name)
        let readings = try exchange(device, writes: [], reads: names)
        return names.map { name in
            let reading = readings.first { $0.name == name }
            return (name, reading.map { .string(String(decoding: $0.value, as: UTF8.self)) } ?? .null)
        }
    }

    /// Stores values of earlier times. Those less than a second from another of the same resource, in the request or
    /// stored before, are refused and returned; the others are kept. The newest becomes `reported`.
    func record(_ device: String, _ records: [Record]) throws -> [Record] {
        try database.transaction { (connection) throws(DatabaseError) in
            var refused: [Record] = []
            for record in records {
                let near = try connection.query(
                    """
                    SELECT 1 FROM records WHERE device = ?1 AND name = ?2
                    AND at_us > ?3 - 1000000 AND at_us < ?3 + 1000000 LIMIT 1
                    """, [.text(device), .text(record.name), .integer(record.timestamp)])
                guard near.isEmpty else {
                    refused.append(record)
                    continue
                }
                let values: [SQLValue] = [
                    .text(device), .text(record.name), .integer(record.timestamp), SandboxStore.value(record.value),
                ]
                try connection.execute(
                    "INSERT INTO records (device, name, at_us, value) VALUES (?1, ?2, ?3, ?4)", values)
                try connection.execute(
                    """
                    INSERT INTO resources (device, name, reported_us, reported) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT DO UPDATE SET reported_us = ?3, reported = ?4
                    WHERE reported_us IS NULL OR reported_us < ?3
                    """, values)
            }
            return refused
        }
    }

    func records(_ device: String, _ name: String) throws -> [(timestamp: Int64, value: String)] {
        try requireDevice(device)
        return try database.query(
            "SELECT at_us, value FROM records WHERE device = ?1 AND name = ?2 ORDER BY at_us",
            [.text(device), .text(name)]
        ).map { ($0[0].int ?? 0, String(decoding: SandboxStore.bytes($0[1]) ?? [], as: UTF8.self)) }
    }
}
