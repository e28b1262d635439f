internal import GatewaySystem

/// A device as the operator sees it.
public struct SandboxDevice: Sendable, Hashable {
    /// The device's name in the product.
    public var id: String
    /// `whitelisted` until it activates, then `provisioned`; `reprovision` when it may activate once more.
    public var state: String
}

/// The two sides of a resource. Times are microseconds since 1970.
public struct SandboxResource: Sendable, Hashable {
    /// What the device has written or recorded last; nil when it never did. As text, repaired where it is no UTF-8.
    public var reported: String?
    /// What the operator has written last, or the device after that: a device's write sets both sides. nil when there
    /// was neither.
    public var set: String?
    /// Of the newest of the two.
    public var timestamp: Int64
}

extension SandboxStore {
    enum Activation { case token(String), unknown, conflict }

    static func isName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && !name.utf8.contains { $0 < 0x20 || $0 == 0x7F || $0 == 0x2F }
    }

    /// A password is a second way in, for MQTT; it leaves activation as it is.
    func addDevice(_ id: String, password: String? = nil) throws {
        guard SandboxStore.isName(id) else { throw SandboxError.badName(id) }
        let time = now()
        do {
            try database.execute(
                "INSERT INTO devices (id, state, added_us, password) VALUES (?1, 'whitelisted', ?2, ?3)",
                [.text(id), .integer(time), SQLValue(password)])
        } catch  where error.isConstraint {
            throw SandboxError.deviceExists(id)
        }
    }

    func devices() throws -> [SandboxDevice] {
        try database.query("SELECT id, state FROM devices ORDER BY id").map {
            SandboxDevice(id: $0["id"].string ?? "", state: $0["state"].string ?? "")
        }
    }

    /// When each device last asked for something, in microseconds since 1970, as far as the log of requests goes back.
    func lastContacts() throws -> [String: Int64] {
        var contacts: [String: Int64] = [:]
        let rows = try database.query(
            "SELECT device, MAX(at_us) FROM requests WHERE device IS NOT NULL GROUP BY device")
        for row in rows {
            if let device = row[0].string, let time = row[1].int { contacts[device] = time }
        }
        return contacts
    }

    func deleteDevice(_ id: String) throws {
        try change(id, "DELETE FROM devices WHERE id = ?1")
    }

    /// Lets a device activate once more. Its token stays valid until it does.
    func enableDevice(_ id: String) throws {
        try change(
            id,
            "UPDATE devices SET state = CASE WHEN token IS NULL THEN 'whitelisted' ELSE 'reprovision' END WHERE id = ?1"
        )
    }

    private func change(_ id: String, _ sql: String) throws {
        let count = try database.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(sql, [.text(id)])
            return connection.changes
        }
        guard count > 0 else { throw SandboxError.noSuchDevice(id) }
    }

    /// Gives a device its token, once.
    func activate(_ id: String) throws -> Activation {
        let letters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        let token = String((0..<40).map { _ in letters[Int.random(in: letters.indices)] })
        return try database.transaction { (connection) throws(DatabaseError) in
            let rows = try connection.query("SELECT state FROM devices WHERE id = ?1", [.text(id)])
            guard let state = rows.first?[0].string else { return .unknown }
            guard state != "provisioned" else { return .conflict }
            try connection.execute(
                "UPDATE devices SET token = ?2, state = 'provisioned' WHERE id = ?1", [.text(id), .text(token)])
            return .token(token)
        }
    }

    func device(token: String) throws -> String? {
        try database.query("SELECT id FROM devices WHERE token = ?1", [.text(token)]).first?[0].string
    }

    func token(of id: String) throws -> String? {
        try database.query("SELECT token FROM devices WHERE id = ?1", [.text(id)]).first?[0].string
    }

    func hasDevice(_ id: String) throws -> Bool {
        try !database.query("SELECT 1 FROM devices WHERE id = ?1", [.text(id)]).isEmpty
    }

    func hasDevice(_ id: String, password: [UInt8]) throws -> Bool {
        let rows = try database.query("SELECT password FROM devices WHERE id = ?1", [.text(id)])
        return rows.first?[0].string.map { Array($0.utf8) == password } ?? false
    }

    func requireDevice(_ id: String) throws {
        guard try hasDevice(id) else { throw SandboxError.noSuchDevice(id) }
    }
}
