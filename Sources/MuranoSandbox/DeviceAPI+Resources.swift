internal import GatewaySystem

extension DeviceAPI {
    /// GET: what of the named aliases has a value. With `If-Modified-Since`, what of them is newer, or 304. With
    /// `Request-Timeout`, once one of them is newer than `If-Modified-Since`, which is now if it is not given.
    ///
    /// Any number of aliases may be asked for, waiting or not; the answer has those that are newer. See
    /// `ModificationTimes` for what is newer.
    func read(_ request: HTTPServerRequest, device: String) throws -> HTTPServerResponse {
        let aliases = try aliases(request)
        guard !aliases.isEmpty else { throw Refusal(status: 400, text: "expected aliases in the query\n") }
        let since = request.header("If-Modified-Since").flatMap(DeviceAPI.seconds)
        let arrival = store.now()
        guard let timeout = request.header("Request-Timeout") else {
            let found = try find(aliases, device)
            guard let since else { return answer(found.readings, found, device, isPoll: false) }
            guard !found.readings.isEmpty else { return answer([], found, device) }
            let new = found.readings.filter { found.seconds[$0.name, default: 0] > since }
            return new.isEmpty ? unchanged(found, device) : answer(new, found, device)
        }
        guard let milliseconds = Int64(timeout), milliseconds >= 0 else {
            throw Refusal(status: 400, text: "expected Request-Timeout in milliseconds\n")
        }
        let deadline = ContinuousClock.now + .milliseconds(min(milliseconds, 300_000))
        while true {
            let seen = changes.current
            let found = try find(aliases, device)
            let new = found.readings.filter { reading in
                since.map { found.seconds[reading.name, default: 0] > $0 } ?? (reading.timestamp > arrival)
            }
            if !new.isEmpty { return answer(new, found, device) }
            let rest = deadline - .now
            guard rest > .zero, !changes.isClosed, !request.peer.isGone else { return unchanged(found, device) }
            // Once a second, look whether anybody still waits for the answer.
            changes.wait(after: seen, atMost: min(rest, .seconds(1)))
            guard try store.hasDevice(device) else { throw Refusal(status: 401) }
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
        let found = try find(aliases, device, writing: writes)
        if !writes.isEmpty { changes.notify() }
        return aliases.isEmpty ? HTTPServerResponse(status: 204) : answer(found.readings, found, device, isPoll: false)
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

    /// What was read, when reading began, and the second of each value.
    private struct Found {
        var readings: [SandboxStore.Reading]
        var time: Int64
        var seconds: [String: Int64]
    }

    private func find(
        _ aliases: [String], _ device: String, writing writes: [(name: String, value: [UInt8])] = []
    ) throws -> Found {
        let time = store.now()
        let readings = try store.exchange(device, writes: writes, reads: aliases)
        return Found(readings: readings, time: time, seconds: times.seconds(device, aliases, readings))
    }

    /// 200 with these, or 204 without any. Only polls have `Last-Modified`, as Murano documents it: the line is too much for
    /// the buffers of small clients.
    private func answer(
        _ readings: [SandboxStore.Reading], _ found: Found, _ device: String, isPoll: Bool = true
    ) -> HTTPServerResponse {
        let latest = readings.compactMap { found.seconds[$0.name] }.max()
        times.give(device, readAt: found.time, lastModified: latest)
        guard let latest else { return HTTPServerResponse(status: 204) }
        var response = HTTPServerResponse(
            status: 200, text: Form.encode(readings.map { ($0.name, $0.value) }),
            type: "application/x-www-form-urlencoded; charset=utf-8")
        if isPoll { response.headers.append(("Last-Modified", HTTPDate.text(unixSeconds: latest))) }
        return response
    }

    private func unchanged(_ found: Found, _ device: String) -> HTTPServerResponse {
        times.give(device, readAt: found.time, lastModified: nil)
        return HTTPServerResponse(status: 304)
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
