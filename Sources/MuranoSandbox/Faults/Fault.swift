internal import Documents

/// One way in which the stand-in misbehaves on request, and when. Made by `murano-sandbox fault …`.
public struct Fault: Sendable, Hashable {
    /// What goes wrong. Over MQTT `trickle`, `clock`, `short` and `huge` never happen.
    public enum Kind: Sendable, Hashable {
        /// Waits before it answers; the request has not been acted on while it waits.
        case slow(seconds: Double)
        /// Sends the body at this rate.
        case trickle(bytesPerSecond: Int64)
        /// Acts on the request, and loses the connection once that many bytes of the answer's body have been sent.
        case cut(afterByteCount: Int64)
        /// Answers with a status and does nothing; with seconds, `Retry-After` too.
        case answer(status: Int, retryAfter: Int64?)
        /// Answers 200 with the page of somebody who wants a login, and does nothing.
        case captivePortal
        /// The time in `Date` and of /timestamp is wrong by this.
        case clock(offsetSeconds: Int64)
        /// Takes the request and never answers.
        case silent
        /// Acts on the request, and answers with bytes that mean nothing.
        case garbage
        /// Acts on the request, and answers whole, but with half of the body.
        case short
        /// Answers 200 with so many bytes, and does nothing.
        case huge(byteCount: Int64)
        /// MQTT alone: refuses a connect with this code, 1 to 5.
        case refuse(code: UInt8)
    }

    enum Wire { case http, mqtt }

    /// What a request asks for. Over MQTT, `activate` is `$provision`, `write` is `$resource/…`, `record` is
    /// `$resource.batch`, and `deliver` a value on its way to the device.
    public enum Call: String, Sendable, Hashable, CaseIterable {
        case activate, read, write, exchange, poll, record, contents, info, download, timestamp, connect, subscribe
        case deliver, other
    }

    /// What goes wrong.
    public var kind: Kind
    /// The calls that it meets; all if empty.
    public var calls: Set<Call>
    /// The device that it meets; nil for all, unknown ones too.
    public var device: String?
    /// How many requests it still meets; nil until it is cleared.
    public var times: Int?

    /// A fault that meets every call, without end, unless it is narrowed down.
    public init(_ kind: Kind, on calls: Set<Call> = [], device: String? = nil, times: Int? = nil) {
        self.kind = kind
        self.calls = calls
        self.device = device
        self.times = times
    }

    func meets(_ call: Call, device: String?, over wire: Wire) -> Bool {
        switch (kind, wire) {
        case (.refuse, .mqtt): guard call == .connect else { return false }
        case (.refuse, .http), (.trickle, .mqtt), (.clock, .mqtt), (.short, .mqtt), (.huge, .mqtt): return false
        case (.answer, .mqtt), (.captivePortal, .mqtt): guard call != .deliver else { return false }
        default: break
        }
        return (calls.isEmpty || calls.contains(call)) && (self.device == nil || self.device == device)
    }
}

// MARK: As JSON, between the command line and the server

extension Fault {
    /// `{"kind":"cut","after_bytes":100,"on":["download"],"device":null,"times":1}`
    var json: JSONValue {
        var members: [(String, JSONValue)] = [("kind", .string(name))]
        switch kind {
        case .slow(let seconds): members.append(("milliseconds", .int(Int64(seconds * 1000))))
        case .trickle(let rate): members.append(("bytes_per_second", .int(rate)))
        case .cut(let count): members.append(("after_bytes", .int(count)))
        case .answer(let status, let retryAfter):
            members.append(("status", .int(Int64(status))))
            if let retryAfter { members.append(("retry_after", .int(retryAfter))) }
        case .clock(let offset): members.append(("offset_seconds", .int(offset)))
        case .huge(let count): members.append(("bytes", .int(count)))
        case .refuse(let code): members.append(("code", .int(Int64(code))))
        case .captivePortal, .silent, .garbage, .short: break
        }
        members.append(("on", .array(calls.map(\.rawValue).sorted().map(JSONValue.string))))
        members.append(("device", device.map(JSONValue.string) ?? .null))
        members.append(("times", times.map { .int(Int64($0)) } ?? .null))
        return .object(members)
    }

    var name: String {
        switch kind {
        case .slow: "slow"
        case .trickle: "trickle"
        case .cut: "cut"
        case .answer: "answer"
        case .captivePortal: "captive-portal"
        case .clock: "clock"
        case .silent: "silent"
        case .garbage: "garbage"
        case .short: "short"
        case .huge: "huge"
        case .refuse: "refuse"
        }
    }

    /// nil when it is none.
    init?(_ json: JSONValue) {
        func number(_ name: String) -> Int64? { json[name]?.int.flatMap { $0 >= 0 ? $0 : nil } }
        let kind: Kind? =
            switch json["kind"]?.string {
            case "slow": number("milliseconds").map { .slow(seconds: Double($0) / 1000) }
            case "trickle": number("bytes_per_second").flatMap { $0 > 0 ? .trickle(bytesPerSecond: $0) : nil }
            case "cut": number("after_bytes").map { .cut(afterByteCount: $0) }
            case "answer":
                number("status").flatMap {
                    (200...599).contains($0) ? .answer(status: Int($0), retryAfter: number("retry_after")) : nil
                }
            case "captive-portal": .captivePortal
            case "clock": json["offset_seconds"]?.int.map { .clock(offsetSeconds: $0) }
            case "silent": .silent
            case "garbage": .garbage
            case "short": .short
            case "huge": number("bytes").map { .huge(byteCount: $0) }
            case "refuse": number("code").flatMap { (1...5).contains($0) ? .refuse(code: UInt8($0)) : nil }
            default: nil
            }
        guard let kind else { return nil }
        var calls: Set<Call> = []
        for name in json["on"]?.elements ?? [] {
            guard let call = name.string.flatMap(Call.init(rawValue:)) else { return nil }
            calls.insert(call)
        }
        let times = number("times")
        guard times != 0 else { return nil }
        self.init(kind, on: calls, device: json["device"]?.string, times: times.map { Int(clamping: $0) })
    }
}
