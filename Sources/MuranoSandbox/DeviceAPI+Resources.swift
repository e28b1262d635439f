internal import Foundation
internal import GatewaySystem

/// Which values long polls have given out, to tell two writes of one second apart: `If-Modified-Since` knows seconds.
final class Deliveries: Sendable {
    private let lock = NSLock()
    private nonisolated(unsafe) var latest: [String: Int64] = [:]

    func note(_ device: String, _ reading: SandboxStore.Reading) {
        lock.withLock { latest["\(device)/\(reading.name)"] = reading.timestamp }
    }

    func isNew(_ device: String, _ reading: SandboxStore.Reading, sinceSeconds: Int64) -> Bool {
        let seconds = reading.timestamp / 1_000_000
        guard seconds == sinceSeconds else { return seconds > sinceSeconds }
        return lock.withLock { latest["\(device)/\(reading.name)"] ?? 0 } < reading.timestamp
    }
}

extension DeviceAPI {
    /// GET: what of the named aliases has a value. With `Request-Timeout`, once one of them is newer than
    /// `If-Modified-Since`, which is now if it is not given.
    func read(_ request: HTTPServerRequest, device: String) throws -> HTTPServerResponse {
        let aliases = try aliases(request)
        guard !aliases.isEmpty else { throw Refusal(status: 400, text: "expected aliases in the query\n") }
        let since = request.header("If-Modified-Since").flatMap(DeviceAPI.seconds)
        guard let timeout = request.header("Request-Timeout") else {
            let readings = try store.exchange(device, writes: [], reads: aliases)
            guard let since else { return found(readings) }
            guard !readings.isEmpty else { throw Refusal(status: 204) }
            return try modified(readings, device: device) {
                deliveries.isNew(device, $0, sinceSeconds: since)
            } ?? HTTPServerResponse(status: 304)
        }
        guard let milliseconds = Int64(timeout), milliseconds >= 0 else {
            throw Refusal(status: 400, text: "expected Request-Timeout in milliseconds\n")
        }
        let deadline = ContinuousClock.now + .milliseconds(min(milliseconds, 300_000))
        let arrival = store.now()
        while true {
            let seen = changes.current
            let readings = try store.exchange(device, writes: [], reads: aliases)
            let answer = try modified(readings, device: device) { reading in
                since.map { deliveries.isNew(device, reading, sinceSeconds: $0) } ?? (reading.timestamp > arrival)
            }
            if let answer { return answer }
            let rest = deadline - .now
            guard rest > .zero, !changes.isClosed, !request.peer.isGone else { return HTTPServerResponse(status: 304) }
            // Once a second, look whether anybody still waits for the answer.
            changes.wait(after: seen, atMost: min(rest, .seconds(1)))
            guard try store.token(of: device) != nil else { throw Refusal(status: 401) }
        }
    }

    /// POST: writes the form of the body, then reads the aliases of the query.
    func write(_ request: HTTPServerRequest, device: String) throws -> HTTPServerResponse {
        let aliases = try aliases(request)
        guard !request.body.isEmpty || !aliases.isEmpty else { throw Refusal(status: 400, text: "expected a form\n") }
        var writes: [(name: String, value: [UInt8])] = []
        for (name, value) in try form(request) {
            try check(alias: name)
            try check(value: value)
            writes.append((name, value))
        }
        let readings = try store.exchange(device, writes: writes, reads: aliases)
        if !writes.isEmpty { changes.notify() }
        return aliases.isEmpty ? HTTPServerResponse(status: 204) : found(readings)
    }

    /// POST: values of earlier times. Either all of one alias, or each group after its `alias=`.
    func record(_ request: HTTPServerRequest, device: String, alias: String? = nil) throws -> HTTPServerResponse {
        var current = alias
        if let alias { try check(alias: alias) }
        var records: [SandboxStore.Record] = []
        for (name, value) in try form(request) {
            if alias == nil, name == "alias" {
                let name = String(decoding: value, as: UTF8.self)
                try check(alias: name)
                current = name
                continue
            }
            guard let current, let time = DeviceAPI.microseconds(name) else {
                throw Refusal(status: 400, text: "expected alias=<alias>, then <unix seconds>=<value>\n")
            }
            try check(value: value)
            records.append(.init(name: current, stamp: name, timestamp: time, value: value))
        }
        guard !records.isEmpty else { throw Refusal(status: 400, text: "expected <unix seconds>=<value>\n") }
        let refused = try store.record(device, records)
        if refused.count < records.count { changes.notify() }
        guard !refused.isEmpty else { return HTTPServerResponse(status: 204) }
        var groups: [(name: String, stamps: [String])] = []
        for record in refused {
            if let index = groups.firstIndex(where: { $0.name == record.name }) {
                groups[index].stamps.append(record.stamp)
            } else {
                groups.append((record.name, [record.stamp]))
            }
        }
        let text = groups.map { "\(Form.escape($0.name.utf8))=\($0.stamps.joined(separator: ","))" }
        throw Refusal(status: 409, text: text.joined(separator: "&"))
    }

    // MARK: Parts

    private func aliases(_ request: HTTPServerRequest) throws -> [String] {
        var aliases: [String] = []
        for pair in Form.decode(query: request.query) where !aliases.contains(pair.name) {
            try check(alias: pair.name)
            aliases.append(pair.name)
        }
        return aliases
    }

    /// The pairs of a body that says that it is a form.
    private func form(_ request: HTTPServerRequest) throws -> [(name: String, value: [UInt8])] {
        guard !request.body.isEmpty else { return [] }
        let type = request.header("Content-Type")?.lowercased() ?? ""
        guard type.hasPrefix("application/x-www-form-urlencoded") else { throw Refusal(status: 415) }
        return try Form.decode(request.body).map { pair in
            guard let value = pair.value else { throw Refusal(status: 400, text: "expected name=value\n") }
            return (pair.name, value)
        }
    }

    private func check(alias: String) throws {
        guard SandboxStore.isName(alias) else {
            throw Refusal(status: 400, text: "expected an alias of 1 to \(DeviceAPI.aliasByteLimit) bytes\n")
        }
    }

    private func check(value: [UInt8]) throws {
        guard value.count <= DeviceAPI.valueByteLimit else {
            throw Refusal(status: 413, text: "expected at most \(DeviceAPI.valueByteLimit) bytes\n")
        }
    }

    private func found(_ readings: [SandboxStore.Reading]) -> HTTPServerResponse {
        guard let latest = readings.map(\.timestamp).max() else { return HTTPServerResponse(status: 204) }
        let text = Form.encode(readings.map { ($0.name, $0.value) })
        var response = HTTPServerResponse(
            status: 200, text: text, type: "application/x-www-form-urlencoded; charset=utf-8")
        response.headers.append(("Last-Modified", HTTPDate.text(unixSeconds: latest / 1_000_000)))
        return response
    }

    /// The readings that are new; nil if none is.
    private func modified(
        _ readings: [SandboxStore.Reading], device: String, _ isNew: (SandboxStore.Reading) -> Bool
    ) throws -> HTTPServerResponse? {
        let new = readings.filter(isNew)
        guard !new.isEmpty else { return nil }
        for reading in new { deliveries.note(device, reading) }
        return found(new)
    }

    /// Seconds since 1970 as a number or in HTTP's form; nil for anything else, which RFC 9110 says to ignore.
    private static func seconds(_ text: String) -> Int64? {
        if let number = Double(text), number.isFinite, abs(number) < 1e12 { return Int64(number.rounded(.down)) }
        return HTTPDate.unixSeconds(text)
    }

    /// A time stamp of a record: seconds since 1970, with or without a fraction.
    private static func microseconds(_ text: String) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) || $0 == 46 }), let number = Double(text),
            number < 1e11
        else { return nil }
        return Int64((number * 1_000_000).rounded())
    }
}
