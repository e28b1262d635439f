internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// The cloud as gateway.yaml names it, through the device client.
final class CloudConnection: CloudLink {
    private let client: DeviceClient

    /// The last value of each resource that was read twice.
    private var believed: [CloudResource: String] = [:]
    /// What was taken or refused before was read twice before, too.
    private var memory: () -> CloudMemory = { CloudMemory() }

    private init(_ client: DeviceClient) { self.client = client }

    /// What all calls have cost so far, both ways, without the contents' bytes.
    var byteCount: Int64 { client.callByteCount }

    /// nil, with a note, when no product or identity is configured: then there is no cloud, and the local manifest
    /// rules alone.
    /// - Parameter isCancelled: asked during each request; true ends it.
    static func open(
        _ context: GatewayContext, isCancelled: (@Sendable () -> Bool)? = nil, mayActivate: Bool,
        emit: (PassEvent) -> Void, failed: (CloudFailure) -> Void = { _ in }
    ) -> CloudConnection? {
        guard context.configuration.product != nil else { return nil }
        do {
            let client = try client(context, isCancelled: isCancelled, mayActivate: mayActivate, emit: emit)
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

    /// The device client of this gateway. A dry run neither activates nor repairs a token file, and counts nothing (D11).
    static func client(
        _ context: GatewayContext, isCancelled: (@Sendable () -> Bool)? = nil, mayActivate: Bool,
        emit: (PassEvent) -> Void
    ) throws -> DeviceClient {
        var (device, warning) = try CloudIdentity.configuration(context)
        if let warning { emit(.note(warning)) }
        device.mayActivate = mayActivate
        device.isCancelled = isCancelled
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

    func request(
        writing: [CloudWrite], reading: [CloudResource]
    ) throws(CloudFailure) -> [CloudResource: String] {
        do throws(DeviceClientError) {
            let writes = writing.map { (alias: $0.resource.rawValue, value: $0.text) }
            if reading.isEmpty {
                try client.write(writes)
                return [:]
            }
            let names = reading.map(\.rawValue)
            let values = writing.isEmpty ? try client.read(names) : try client.writeAndRead(writes, reading: names)
            return try confirmed(CloudConnection.byResource(values), reading)
        } catch {
            throw CloudFailure(error)
        }
    }

    private static func byResource(_ values: [String: String]) -> [CloudResource: String] {
        Dictionary(
            values.compactMap { name, text in CloudResource(rawValue: name).map { ($0, text) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// A body that was cut on its way, and whose length was corrected there, looks whole: of "update_interval=3600" is
    /// left "update_interval=36", of a manifest its first apps. What is new is believed when it is read a second time, in
    /// an answer of another length.
    private func confirmed(
        _ first: [CloudResource: String], _ reading: [CloudResource]
    ) throws(DeviceClientError) -> [CloudResource: String] {
        var values = first
        for attempt in 0..<2 {
            let memory = memory()
            let news = reading.filter { isUnread(CloudValue($0, values[$0] ?? ""), memory) }
            var isConfirmed = true
            for resource in news where isConfirmed {
                isConfirmed = try readAgain(resource, isAlone: values.count == 1) == values[resource]
                if isConfirmed { believed[resource] = values[resource] }
            }
            if isConfirmed { return values }
            // Somebody may have written in between.
            if attempt == 0 { values = CloudConnection.byResource(try client.read(reading.map(\.rawValue))) }
        }
        throw CloudConnection.disagreement("read \(reading.map(\.rawValue).joined(separator: ", "))")
    }

    /// - Parameter isAlone: whether the first answer had this value alone. Then the second must not: alone in both
    ///   answers it would be as long in both.
    private func readAgain(_ resource: CloudResource, isAlone: Bool) throws(DeviceClientError) -> String? {
        let names = isAlone ? [resource.rawValue, CloudResource.engineReport.rawValue] : [resource.rawValue]
        return try client.read(names)[resource.rawValue]
    }

    private static func disagreement(_ action: String) -> DeviceClientError {
        DeviceClientError(.retryLater, action, "two answers in a row do not agree", status: 200)
    }

    /// Whether a value has to be read twice before it is believed.
    private func isUnread(_ value: CloudValue, _ memory: CloudMemory) -> Bool {
        !value.text.isEmpty && value.text != believed[value.resource] && !memory.news(of: value).isKnown
    }

    /// What the journal remembers need not be read twice by each new process. A journal that cannot be read now
    /// remembers nothing.
    func knowing(_ journal: Journal) -> CloudConnection {
        memory = { (try? journal.cloudMemory()) ?? CloudMemory() }
        return self
    }

    var place: String { CloudConnection.place(client) }

    static func place(_ client: DeviceClient) -> String {
        "\(client.configuration.baseURL) \(client.configuration.identity)"
    }

    func poll(_ resource: CloudResource, since: String?) throws(CloudFailure) -> CloudReading {
        do throws(DeviceClientError) {
            // "Since when" is now unless it is said: a time before any write.
            let answer = try client.poll(resource.rawValue, timeout: .milliseconds(1), since: since ?? "0")
            let text = answer.values.map { $0[resource.rawValue] ?? "" }
            if let text, isUnread(CloudValue(resource, text), memory()) {
                guard try readAgain(resource, isAlone: true) == text else {
                    throw CloudConnection.disagreement("poll \(resource)")
                }
                believed[resource] = text
            }
            return CloudReading(text: text, lastModified: answer.lastModified, isSettled: answer.isSettled)
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
        isOfMachine = error.transfer?.isShortage ?? false
    }

    init(_ error: TransferError) {
        description = "\(error)"
        retryAfter = error.retryAfter
        trouble = CloudTrouble.Kind(error)
        isOfMachine = error.isShortage
        switch error.kind {
        case .tooLarge, .wrongSize, .wrongDigest: kind = .wrongContent
        default: kind = error.isNoSpace ? .noSpace : .unavailable
        }
    }
}
