internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// The cloud as gateway.yaml names it, through the device client.
final class CloudConnection: CloudLink {
    private let client: DeviceClient

    /// The last value of each resource that was read twice.
    private var believed: [String: String] = [:]
    /// Whether a value was taken, or rejected, before: then it was read twice before, too.
    private var isKnown: (_ resource: String, _ text: String) -> Bool = { _, _ in false }

    private init(_ client: DeviceClient) { self.client = client }

    /// What all calls have cost so far, both ways, without the contents' bytes.
    var byteCount: Int64 { client.callByteCount }

    /// nil, with a note, when no product or identity is configured: then there is no cloud, and the local manifest
    /// rules alone.
    static func open(
        _ context: GatewayContext, mayActivate: Bool, emit: (PassEvent) -> Void,
        failed: (CloudFailure) -> Void = { _ in }
    ) -> CloudConnection? {
        guard context.configuration.product != nil else { return nil }
        do {
            let client = try client(context, mayActivate: mayActivate, emit: emit)
            if !mayActivate, try !client.isActivated() {
                emit(.note("this gateway is not activated: the cloud is not asked"))
                return nil
            }
            return CloudConnection(client)
        } catch {
            emit(.problem("\(error); going on without the cloud"))
            let failure = (error as? DeviceClientError).map(CloudFailure.init)
            failed(failure ?? CloudFailure(description: "\(error)", trouble: .configuration))
            return nil
        }
    }

    /// The device client of this gateway. A dry run neither activates nor repairs a token file, and counts nothing (rules
    /// 11).
    static func client(
        _ context: GatewayContext, mayActivate: Bool, emit: (PassEvent) -> Void
    ) throws -> DeviceClient {
        var (device, warning) = try CloudIdentity.configuration(context)
        if let warning { emit(.note(warning)) }
        device.mayActivate = mayActivate
        let tokens = try TokenStore.make(context.folders, context.configuration, makingFolder: mayActivate)
        let client = try DeviceClient(configuration: device, tokens: tokens)
        if mayActivate { client.meter = context.usageMeter().count }
        #if DEBUG
            // The cloud has given the token out, and it is not kept yet.
            client.observer = { exchange in
                if exchange.resources == ["provision/activate"], exchange.status == 200 {
                    FaultPoint.pass("token.received")
                }
            }
        #endif
        return client
    }

    func exchange(
        writing: [(resource: String, text: String)], reading: [String]
    ) throws(CloudFailure) -> [String: String] {
        do throws(DeviceClientError) {
            let writes = writing.map { (alias: $0.resource, value: $0.text) }
            if reading.isEmpty {
                try client.write(writes)
                return [:]
            }
            let values = writing.isEmpty ? try client.read(reading) : try client.writeAndRead(writes, reading: reading)
            return try confirmed(values, reading)
        } catch {
            throw CloudFailure(error)
        }
    }

    /// A body that was cut on its way, and whose length was corrected there, looks whole: of "update_interval=3600" is
    /// left "update_interval=36", of a manifest its first apps. What is new is believed when it is read a second time, in
    /// an answer of another length.
    private func confirmed(
        _ first: [String: String], _ reading: [String]
    ) throws(DeviceClientError) -> [String: String] {
        var values = first
        for attempt in 0..<2 {
            let news = reading.filter { isNews($0, values[$0] ?? "") }
            var isConfirmed = true
            for name in news where isConfirmed {
                // Alone in both answers it would be as long in both.
                let again = try client.read(values.count == 1 ? [name, "engine_report"] : [name])
                isConfirmed = again[name] == values[name]
                if isConfirmed { believed[name] = values[name] }
            }
            if isConfirmed { return values }
            // Somebody may have written in between.
            if attempt == 0 { values = try client.read(reading) }
        }
        throw CloudConnection.disagreement("read \(reading.joined(separator: ", "))")
    }

    private static func disagreement(_ action: String) -> DeviceClientError {
        DeviceClientError(.retryLater, action, "two answers in a row do not agree", status: 200)
    }

    private func isNews(_ resource: String, _ text: String) -> Bool {
        !text.isEmpty && text != believed[resource] && !isKnown(resource, text)
    }

    /// What the journal has of commands need not be read twice by each new process.
    func knowing(_ journal: Journal) -> CloudConnection {
        isKnown = { resource, text in
            let digest = SHA256.hex(of: text.utf8)
            let keys = [
                CloudCommands.resource: CloudExchange.takenManifestKey,
                CloudCommands.otauResource: OtauExchange.takenKey,
            ]
            if let key = keys[resource], (try? journal.value(key)) == digest { return true }
            let rejected = try? journal.read("SELECT digest FROM problem WHERE source = ?", [.text(resource)])
            return rejected?.first?[0].string == digest
        }
        return self
    }

    var place: String { CloudConnection.place(client) }

    static func place(_ client: DeviceClient) -> String {
        "\(client.configuration.baseURL) \(client.configuration.identity)"
    }

    func poll(_ resource: String, since: String?) throws(CloudFailure) -> CloudReading {
        do throws(DeviceClientError) {
            // "Since when" is now unless it is said: a time before any write.
            let answer = try client.poll(resource, timeout: .milliseconds(1), since: since ?? "0")
            if let text = answer.values.map({ $0[resource] ?? "" }), isNews(resource, text) {
                guard try client.read([resource, "engine_report"])[resource] == text else {
                    throw CloudConnection.disagreement("poll \(resource)")
                }
                believed[resource] = text
            }
            return CloudReading(
                text: answer.values.map { $0[resource] ?? "" }, lastModified: answer.lastModified,
                isSettled: answer.isSettled)
        } catch {
            throw CloudFailure(error)
        }
    }

    func contentFacts(_ name: String, downloadedTo path: String) throws(CloudFailure) -> ContentFacts? {
        do throws(DeviceClientError) {
            let info = try client.contentInfo(name)
            return ContentFacts(
                byteCount: info.byteCount, partialByteCount: client.partialByteCount(of: info, at: path))
        } catch {
            // The cloud's word, not an answer that was too long.
            if error.isPermanent, error.transfer == nil { return nil }
            throw CloudFailure(error)
        }
    }

    func download(
        _ name: String, into path: String, configure: (inout DownloadRequest) -> Void,
        events: @escaping (DownloadEvent) -> Void
    ) throws(CloudFailure) -> DownloadOutcome {
        do throws(DeviceClientError) {
            return try client.download(name, into: path, configure: configure, events: events)
        } catch {
            throw CloudFailure(error)
        }
    }
}

extension CloudFailure {
    init(_ error: DeviceClientError) {
        description = "\(error)"
        retryAfter = error.retryAfter
        isAboutToken = error.kind == .notActivated || error.kind == .notAuthorised
        trouble = CloudTrouble.Kind(error)
        // A content that is not there (yet) says nothing against the release: it is asked for at each pass.
        kind = error.transfer.map { CloudFailure($0).kind } ?? .unavailable
    }

    init(_ error: TransferError) {
        description = "\(error)"
        retryAfter = error.retryAfter
        trouble = CloudTrouble.Kind(error)
        switch error.kind {
        case .tooLarge, .wrongSize, .wrongDigest: kind = .wrongContent
        default: kind = error.isNoSpace ? .noSpace : .unavailable
        }
    }
}
