internal import GatewaySystem

/// One value of one resource at one time, for `record`.
public struct RecordPoint: Sendable, Hashable {
    /// The resource's name.
    public var alias: String
    /// Unix time in seconds.
    public var timestamp: Int64
    /// As text, at most 1 MiB (docs/cloud.md#sizes-and-rates).
    public var value: String

    /// A value at a time.
    public init(alias: String, timestamp: Int64, value: String) {
        self.alias = alias
        self.timestamp = timestamp
        self.value = value
    }
}

/// What became of recorded values.
public enum RecordOutcome: Sendable, Hashable {
    /// The server has all values, those among them that it had before.
    case accepted
    /// The server has refused these timestamps, because others of the same alias are less than a second away (409).
    case conflicts([String: [Int64]])
}

/// How a long poll ended, other than by an error.
public enum LongPollOutcome: Sendable, Hashable {
    /// Nothing was written in the time (304).
    case unchanged
    /// `lastModified` goes into the next call's `since`, as it is.
    case changed(values: [String: String], lastModified: String?)
}

/// What a poll of one resource found.
public struct PollAnswer: Sendable, Hashable {
    /// nil: nothing was written since (304). Without an entry: it was never written (204).
    public var values: [String: String]?
    /// Of the newest value; the next poll's `since`.
    public var lastModified: String?
    /// Whether any later write must have a later `lastModified`. It counts whole seconds: a value that was read in the
    /// second in which it was written may be followed by another with the same time, which a poll since then would
    /// never show. True only when the server's own clock (`Date`) was past that second; one more is left for servers
    /// whose clocks differ.
    public var isSettled: Bool
}

extension DeviceClient {
    static let aliasPath = "/onep:v1/stack/alias"
    static let formType = HTTPHeader("Accept", "application/x-www-form-urlencoded; charset=utf-8")

    /// The newest values by alias, as text. What has never been written is missing in the result; an empty list asks nothing.
    ///
    /// A body that ends too early is an error. One that was cut on its way by something that corrected its length too
    /// cannot be told when the cut is within a value: where a wrong value does harm, read twice with different aliases.
    ///
    /// - Throws: `retryLater`, `captivePortal` or `clock` when another try may help (`retryAfter` says when, if the server
    ///   did); `notActivated`, `notAuthorised` and their like when an operator must act first.
    public func read(_ aliases: [String]) throws(DeviceClientError) -> [String: String] {
        guard !aliases.isEmpty else { return [:] }
        return try values(authorised(readCall(aliases)), aliases, "read \(aliases.joined(separator: ", "))")
    }

    /// Writes one value, at most 1 MiB. Done when this returns; after an error it is not known whether the server took it.
    ///
    /// More often than once a second is more than the device API promises to keep. For errors see `read`.
    public func write(_ alias: String, _ value: String) throws(DeviceClientError) { try write([(alias, value)]) }

    /// Writes several values with one timestamp, the server's. Done when this returns.
    public func write(_ values: [(alias: String, value: String)]) throws(DeviceClientError) {
        _ = try writeAndRead(values, reading: [])
    }

    /// Writes, then reads, in one request: an idle loop's only one (D6).
    public func writeAndRead(
        _ writes: [(alias: String, value: String)], reading reads: [String]
    ) throws(DeviceClientError) -> [String: String] {
        guard !writes.isEmpty else { return try read(reads) }
        let call = writeCall(writes, reading: reads)
        return try values(authorised(call), reads, call.action)
    }

    func writeCall(_ writes: [(alias: String, value: String)], reading reads: [String]) -> Call {
        let written = writes.map(\.alias)
        var action = "write \(written.joined(separator: ", "))"
        if !reads.isEmpty { action += " and read \(reads.joined(separator: ", "))" }
        let query = reads.isEmpty ? "" : "?" + DeviceClient.query(reads)
        let form = writes.map { ($0.alias, $0.value) }
        var call = Call(
            reads.isEmpty ? .write : .readWrite, DeviceClient.aliasPath + query, form: form,
            resources: written + reads, action: action)
        // Nothing is to be accepted where nothing is read.
        if !reads.isEmpty { call.headers.append(DeviceClient.formType) }
        return call
    }

    /// Waits until a resource is written, at most for `timeout` (the server allows 300 s).
    ///
    /// - Parameter since: the `lastModified` of the last call; nil: from now on.
    public func longPoll(
        _ alias: String, timeout: Duration, since: String? = nil
    ) throws(DeviceClientError) -> LongPollOutcome {
        let answer = try poll(alias, timeout: timeout, since: since)
        guard let values = answer.values else { return .unchanged }
        return .changed(values: values, lastModified: answer.lastModified)
    }

    /// `longPoll` with what it takes to miss nothing between two polls.
    public func poll(
        _ alias: String, timeout: Duration, since: String? = nil
    ) throws(DeviceClientError) -> PollAnswer {
        let call = pollCall(alias, timeout: timeout, since: since)
        let response = try authorised(call)
        if response.status == 304 { return PollAnswer(values: nil, lastModified: since, isSettled: true) }
        let lastModified = response.header("Last-Modified")
        let written = lastModified.flatMap(HTTPDate.unixSeconds)
        let now = response.header("Date").flatMap(HTTPDate.unixSeconds)
        var isSettled = false
        if let written, let now { isSettled = now >= written + 2 }
        return PollAnswer(
            values: try values(response, [alias], call.action), lastModified: lastModified, isSettled: isSettled)
    }

    /// Writes values of the past with their own times, in whole seconds. Writing the same again after an error is safe.
    ///
    /// - Returns: `conflicts` with the times that the server refused; the others are kept. For errors see `read`.
    public func record(_ points: [RecordPoint]) throws(DeviceClientError) -> RecordOutcome {
        guard !points.isEmpty else { return .accepted }
        let call = recordCall(points)
        let response = try authorised(call)
        switch response.status {
        case 204: return .accepted
        case 200 where response.body.isEmpty: return .accepted
        case 200:
            throw DeviceClientError(
                .captivePortal, call.action, "something came with the 200 that this call never answers", status: 200)
        case 409: return .conflicts(try conflicts(response, points, call.action))
        default: throw unexpected(response, call.action)
        }
    }

    func recordCall(_ points: [RecordPoint]) -> Call {
        var aliases: [String] = []
        for point in points where !aliases.contains(point.alias) { aliases.append(point.alias) }
        var form: [(String, String)] = []
        for alias in aliases {
            form.append(("alias", alias))
            form += points.filter { $0.alias == alias }.map { (String($0.timestamp), $0.value) }
        }
        let action = "record \(points.count) values of \(aliases.joined(separator: ", "))"
        return Call(.record, "/onep:v1/stack/record", form: form, resources: aliases, action: action)
    }

    /// The server's clock, in Unix seconds; not before September 2001, so that no cut number passes. Needs no token.
    public func timestamp() throws(DeviceClientError) -> Int64 {
        let call = timestampCall()
        let response = try exchange(call, token: nil)
        guard response.status == 200 else { throw unexpected(response, call.action) }
        guard let seconds = DeviceClient.time(response.text) else {
            throw DeviceClientError(.captivePortal, call.action, "the answer is no time", status: 200)
        }
        // Up to the year 33658: whoever reckons with it need not fear an overflow.
        guard (0...1_000_000_000_000).contains(seconds) else {
            throw DeviceClientError(.captivePortal, call.action, "the answer is no time", status: 200)
        }
        return seconds
    }

    /// A time of a server in Unix seconds. It has ten digits from 2001 to 2286; with fewer it was cut.
    static func time(_ text: some StringProtocol) -> Int64? {
        let word = String(text.filter { !$0.isWhitespace })
        guard word.utf8.count >= 10, let seconds = Int64(word), seconds >= 1_000_000_000 else { return nil }
        return seconds
    }

    func timestampCall() -> Call {
        Call(.get, "/timestamp", resources: ["timestamp"], action: "read the cloud's clock")
    }

    func pollCall(_ alias: String, timeout: Duration, since: String?) -> Call {
        let limited = min(max(timeout, .milliseconds(1)), .seconds(300))
        var call = readCall([alias])
        call.usage = .longPoll
        call.action = "wait for \(alias)"
        call.extraTime = limited
        call.headers.append(HTTPHeader("Request-Timeout", String(Int64(limited / .milliseconds(1)))))
        if let since { call.headers.append(HTTPHeader("If-Modified-Since", since)) }
        return call
    }

    func readCall(_ aliases: [String]) -> Call {
        var call = Call(
            .read, DeviceClient.aliasPath + "?" + DeviceClient.query(aliases), resources: aliases,
            action: "read \(aliases.joined(separator: ", "))")
        call.headers.append(DeviceClient.formType)
        return call
    }

    private static func query(_ aliases: [String]) -> String { aliases.map(FormCoding.encode).joined(separator: "&") }

    private func values(
        _ response: HTTPResponse, _ aliases: [String], _ action: String
    ) throws(DeviceClientError) -> [String: String] {
        switch response.status {
        case 204: return [:]
        case 200: break
        default: throw unexpected(response, action)
        }
        // With nothing to say, the answer is 204.
        guard !response.body.isEmpty || aliases.isEmpty else {
            throw DeviceClientError(.captivePortal, action, "the answer is empty", status: 200)
        }
        var values: [String: String] = [:]
        for (name, value) in FormCoding.fields(response.body) {
            guard aliases.contains(name) else {
                throw DeviceClientError(.captivePortal, action, "the answer holds what was not asked for", status: 200)
            }
            values[name] = value
        }
        return values
    }

    /// A time that was not sent is the rest of one that was cut.
    private func conflicts(
        _ response: HTTPResponse, _ points: [RecordPoint], _ action: String
    ) throws(DeviceClientError) -> [String: [Int64]] {
        var conflicts: [String: [Int64]] = [:]
        for (alias, times) in FormCoding.fields(response.body.filter { $0 != 10 && $0 != 13 }) {
            for word in times.split(separator: ",") {
                guard let time = Int64(word), points.contains(where: { $0.alias == alias && $0.timestamp == time })
                else {
                    let reason = "the answer names values that were not sent"
                    throw DeviceClientError(.captivePortal, action, reason, status: response.status)
                }
                conflicts[alias, default: []].append(time)
            }
        }
        return conflicts
    }
}
