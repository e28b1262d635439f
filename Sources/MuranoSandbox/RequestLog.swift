internal import Foundation
internal import GatewaySystem

/// One request of a device, once its answer is over.
///
/// Over MQTT there is one for each packet but acknowledgements of the server: `method` is `MQTT CONNECT`,
/// `MQTT PUBLISH`, `MQTT SUBSCRIBE`, `MQTT UNSUBSCRIBE`, `MQTT PINGREQ`, `MQTT DISCONNECT`; `MQTT DELIVER` is a value
/// on its way to the device and `MQTT PUBACK` the device's acknowledgement; `MQTT CLOSE` says why the server ended a
/// connection. `path` is the topic, the filters, or `connack=<code>`; `status` is what the same outcome would be over
/// HTTP. Byte counts are those of whole packets, without TLS.
public struct SandboxRequest: Sendable, Hashable {
    /// Counts up; use it to ask for later ones.
    public var id: Int64
    /// When the request had come, in microseconds since 1970.
    public var time: Int64
    /// nil if it had no valid token.
    public var device: String?
    /// The method of HTTP, or `MQTT` and the packet's name.
    public var method: String
    /// With the query, as sent.
    public var path: String
    /// The HTTP status of the answer; for MQTT, what the same outcome would be over HTTP.
    public var status: Int
    /// Bytes of the request's body; for MQTT, of the whole packet.
    public var requestByteCount: Int64
    /// Bytes of the answer's body that went into the socket.
    public var sentByteCount: Int64
    /// The `Range` header, as sent.
    public var range: String?
}

/// Writes the requests of devices into the database, and lets a reader wait for answers that are still being sent.
final class RequestLog: Sendable {
    private let store: SandboxStore
    private let condition = NSCondition()
    private nonisolated(unsafe) var underWay: Set<Int64> = []

    /// The oldest are dropped beyond this number.
    private static let limit: Int64 = 100_000

    init(store: SandboxStore) { self.store = store }

    /// Adds the writing of the log to an answer.
    func follow(_ response: HTTPServerResponse, to request: HTTPServerRequest, device: String?) -> HTTPServerResponse {
        let time = store.now()
        var response = response
        condition.withLock { _ = underWay.insert(time) }
        let status = response.status
        response.completion = { [self] sentByteCount, _ in
            add(
                SandboxRequest(
                    id: 0, time: time, device: device, method: request.method,
                    path: request.query.map { "\(request.path)?\($0)" } ?? request.path, status: status,
                    requestByteCount: request.bodyByteCount, sentByteCount: sentByteCount,
                    range: request.header("Range")))
            condition.withLock {
                underWay.remove(time)
                condition.broadcast()
            }
        }
        return response
    }

    /// Writes one down; its number is given here.
    func add(_ request: SandboxRequest) {
        _ = try? store.database.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                INSERT INTO requests (at_us, device, method, path, status, request_byte_count, sent_byte_count, range)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                """,
                [
                    .integer(request.time), SQLValue(request.device), .text(request.method), .text(request.path),
                    SQLValue(request.status), .integer(request.requestByteCount), .integer(request.sentByteCount),
                    SQLValue(request.range),
                ])
            let id = connection.lastInsertID
            if id % 1000 == 0 {
                try connection.execute("DELETE FROM requests WHERE id <= ?1", [.integer(id - RequestLog.limit)])
            }
        }
    }

    /// The requests after one, oldest first. Answers that are being sent are waited for, though not longer than a
    /// second: a client that has read its answer finds its request here.
    func requests(after id: Int64, limit: Int) throws -> [SandboxRequest] {
        let deadline = Date(timeIntervalSinceNow: 1)
        condition.withLock {
            let wanted = underWay
            while !underWay.isDisjoint(with: wanted), condition.wait(until: deadline) {}
        }
        return try store.database.query(
            "SELECT * FROM requests WHERE id > ?1 ORDER BY id LIMIT ?2", [.integer(id), SQLValue(limit)]
        ).map { row in
            SandboxRequest(
                id: row["id"].int ?? 0, time: row["at_us"].int ?? 0, device: row["device"].string,
                method: row["method"].string ?? "", path: row["path"].string ?? "",
                status: Int(row["status"].int ?? 0), requestByteCount: row["request_byte_count"].int ?? 0,
                sentByteCount: row["sent_byte_count"].int ?? 0, range: row["range"].string)
        }
    }

    /// Waits as `requests` does, so that nothing that came before appears after it.
    func clear() throws {
        _ = try requests(after: .max, limit: 1)
        try store.database.execute("DELETE FROM requests")
    }
}
