internal import DeviceClient
internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// The manifest that was taken and still stands in `engine_fetch`: what has to be known of it so that it need not be
/// read at each loop (rules 6). A poll that does not wait answers 304 for as long as nothing else was written.
///
/// The poll is a request of its own, because officially a poll has one alias, and no write-and-read has
/// `If-Modified-Since` (reference: Murano device API, 7). So it pays for manifests that are longer than a request.
struct StandingManifest: Sendable, Hashable {
    /// Where the journal keeps it.
    static let key = "engine_fetch_standing"
    /// A manifest that is shorter than this on the wire costs less than the request that would spare it: 270 bytes of
    /// request, 120 of answer and two TLS records, `Benchmarks/wire`.
    static let worthwhileByteCount = 480
    /// After this it is read whole in any case: a cloud whose clock went back, or that was restored from a backup,
    /// cannot hide a command for longer.
    static let trust: Duration = .seconds(7 * 86_400)

    /// Of the text.
    var digest: String
    /// The device and the cloud that it was read from.
    var place: String
    /// Since when a poll is to look; nil: not known yet.
    var since: String?
    /// When it was read whole, by the wall clock.
    var readAt: WallTime

    /// What a poll is to be asked with; nil when it must give out the value in any case.
    func since(place: String, digest: String?, now: WallTime) -> String? {
        guard self.place == place, self.digest == digest, now >= readAt,
            readAt.duration(to: now) < StandingManifest.trust
        else { return nil }
        return since
    }

    static func isWorthwhile(_ text: String) -> Bool { FormCoding.encode(text).utf8.count >= worthwhileByteCount }

    // MARK: the journal's form

    init(digest: String, place: String, since: String? = nil, readAt: WallTime) {
        self.digest = digest
        self.place = place
        self.since = since
        self.readAt = readAt
    }

    init?(_ text: String) {
        guard let node = try? JSON.parse(Array(text.utf8), source: StandingManifest.key),
            let digest = node["digest"]?.string, let place = node["place"]?.string,
            let readAt = node["read_at"]?.int
        else { return nil }
        self.init(
            digest: digest, place: place, since: node["since"]?.string, readAt: WallTime(milliseconds: readAt))
    }

    var text: String {
        var members: [(String, JSONValue)] = [
            ("digest", .string(digest)), ("place", .string(place)), ("read_at", .int(readAt.milliseconds)),
        ]
        if let since { members.append(("since", .string(since))) }
        return JSONValue.object(members).text()
    }
}

extension CloudConversation {
    /// Whether `engine_fetch` is polled by itself in this pass, and how.
    func standingManifest(_ inputs: DesiredInputs) throws(ConversationFailure) -> StandingManifest? {
        guard inputs.memory[.engineFetch].taken != nil else { return nil }
        return try journaled { () throws(JournalError) in
            try journal.value(StandingManifest.key).flatMap(StandingManifest.init)
        }
    }

    /// Asks whether anything else was written than the manifest that stands. Returns nil when not.
    func poll(_ standing: StandingManifest, _ inputs: DesiredInputs) throws(ConversationFailure) -> String? {
        let now = context.clock()
        let since = standing.since(place: cloud.place, digest: inputs.memory[.engineFetch].taken, now: now)
        let reading: CloudReading
        do throws(CloudFailure) { reading = try cloud.poll(.engineFetch, since: since) } catch {
            throw .cloud(error)
        }
        guard let text = reading.text else { return nil }
        let digest = SHA256.hex(of: text.utf8)
        let settled = reading.isSettled ? reading.lastModified : nil
        // A server that never says when leaves it as it was.
        if digest == inputs.memory[.engineFetch].taken, settled != nil || standing.since != nil || standing.digest != digest {
            try keep(StandingManifest(digest: digest, place: cloud.place, since: settled, readAt: now))
        }
        return text
    }

    /// Notes after a read what stands there now.
    func noteStanding(_ text: String, _ inputs: DesiredInputs) throws(ConversationFailure) {
        let digest = inputs.memory[.engineFetch].taken
        guard digest != nil, StandingManifest.isWorthwhile(text), SHA256.hex(of: text.utf8) == digest else {
            return try keep(nil)
        }
        try keep(StandingManifest(digest: digest ?? "", place: cloud.place, readAt: context.clock()))
    }

    private func keep(_ standing: StandingManifest?) throws(ConversationFailure) {
        try journaled { () throws(JournalError) in
            guard try journal.value(StandingManifest.key) != standing?.text else { return }
            try journal.setValue(StandingManifest.key, standing?.text)
        }
    }
}
