internal import GatewaySystem

/// One request of the device API, for those who want the server's own answer (`gdc`, tests, tools). Apps use the
/// calls of `DeviceClient`, which know what each status means.
public enum DeviceCall: Sendable {
    case timestamp
    /// Asks for a token; the form is the configuration's. Nothing is stored.
    case activate
    case read([String])
    /// A long poll; `timeout` at most 300 s.
    case poll(alias: String, timeout: Duration, since: String? = nil)
    /// Writes, and reads what `reading` names in the same request.
    case write([(alias: String, value: String)], reading: [String] = [])
    case record([RecordPoint])
    case contentList
    case contentInfo(String)

    /// Whether the device's token belongs to it.
    public var needsToken: Bool {
        switch self {
        case .timestamp, .activate: false
        default: true
        }
    }
}

extension DeviceCall {
    /// Whether the body of a 200 has the form that this call's answer has.
    func isAnswered(by response: HTTPResponse) -> Bool {
        func names(_ aliases: [String]) -> Bool {
            FormCoding.fields(response.body).allSatisfy { aliases.contains($0.name) }
        }
        guard let text = String(validating: response.body, as: UTF8.self) else { return false }
        let word = text.filter { !$0.isWhitespace }
        switch self {
        case .timestamp: return DeviceClient.time(word) != nil
        case .activate: return DeviceToken(word) != nil
        case .read(let aliases): return names(aliases) && !word.isEmpty
        case .poll(let alias, _, _): return names([alias]) && !word.isEmpty
        case .write(_, let reads): return names(reads) && (!word.isEmpty || reads.isEmpty)
        case .record: return word.isEmpty
        case .contentList: return text.unicodeScalars.allSatisfy { $0.value >= 32 || $0 == "\r" || $0 == "\n" }
        case .contentInfo:
            let fields = text.split(separator: ",", maxSplits: 3, omittingEmptySubsequences: false)
            return fields.count >= 3 && Int64(fields[1]) != nil && DeviceClient.time(fields[2]) != nil
        }
    }
}

/// What a server answered.
public struct DeviceAnswer: Sendable {
    /// The HTTP status; docs/cloud.md#calls lists what each call answers.
    public var status: Int
    /// As it came, at most 8 MiB.
    public var body: [UInt8]
    /// The value of `Last-Modified`: the next poll's `since`.
    public var lastModified: String?
    /// What the server asked for with `Retry-After`, or nil.
    public var retryAfter: Duration?

    /// The body as UTF-8, repaired where it is not.
    public var text: String { String(decoding: body, as: UTF8.self) }
}

extension DeviceClient {
    /// Sends one request and returns the answer, whatever its status. Nothing is tried twice, nothing is activated by
    /// the way, and no token is read or stored: the one that is given goes with it, if the call needs one.
    ///
    /// - Throws: when no answer came, or none to this call: a page or a redirect of a captive portal, a 200 with a body
    ///   that is not what was asked for.
    public func answer(to call: DeviceCall, token: DeviceToken? = nil) throws(DeviceClientError) -> DeviceAnswer {
        let request = self.call(for: call)
        let response = try exchange(request, token: call.needsToken ? token : nil)
        if response.status == 200, !call.isAnswered(by: response) {
            throw DeviceClientError(.captivePortal, request.action, "the answer is not what was asked for", status: 200)
        }
        return DeviceAnswer(
            status: response.status, body: response.body, lastModified: response.header("Last-Modified"),
            retryAfter: response.info.retryAfter)
    }

    private func call(for call: DeviceCall) -> Call {
        switch call {
        case .timestamp: return timestampCall()
        case .activate: return activationCall("activate device \(configuration.identity)")
        case .read(let aliases): return readCall(aliases)
        case .poll(let alias, let timeout, let since): return pollCall(alias, timeout: timeout, since: since)
        case .write(let values, let reads): return writeCall(values, reading: reads)
        case .record(let points): return recordCall(points)
        case .contentList:
            return Call(.listContent, contentPath(nil), resources: ["provision/download"], action: "list the contents")
        case .contentInfo(let name):
            let path = contentPath(name) + "&info=true"
            return Call(.contentInfo, path, resources: [name], action: "find content \(name)")
        }
    }

    // MARK: The same by curl(1)

    /// A shell command that sends the same request. The token is not in it: it says `$GDC_TOKEN` in its place.
    public func curlCommand(_ call: DeviceCall, withToken: Bool) -> String {
        let call = (request: self.call(for: call), hasToken: withToken && call.needsToken)
        return curl(call.request, configuration.baseURL + call.request.path, withToken: call.hasToken)
    }

    /// The command that downloads a content into the working folder.
    public func curlCommand(downloading name: String, withToken: Bool) -> String {
        let call = Call(.get, "", resources: [], action: "")
        return curl(call, contentURL(name), withToken: withToken) + " -o " + DeviceClient.quoted(name)
    }

    private func curl(_ call: Call, _ url: String, withToken: Bool) -> String {
        var words = ["curl", "-sS"]
        let files = [
            ("--cacert", configuration.transfer.caFile), ("--cert", configuration.transfer.clientCertificate),
            ("--key", configuration.transfer.clientKey),
        ]
        for (option, file) in files {
            if let file { words += [option, DeviceClient.quoted(file)] }
        }
        for header in call.headers { words += ["-H", DeviceClient.quoted("\(header.name): \(header.value)")] }
        if withToken { words += ["-H", "\"X-Exosite-CIK: $GDC_TOKEN\""] }
        if let body = call.body {
            words += ["--data-raw", DeviceClient.quoted(String(decoding: body, as: UTF8.self))]
        }
        return (words + [DeviceClient.quoted(url)]).joined(separator: " ")
    }

    /// One word for sh(1).
    static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || "-_./:@%+,=".utf8.contains(byte)
        }
        if isPlain, !text.isEmpty { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
