internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// The cloud as gateway.yaml names it, through the device client.
final class CloudConnection: CloudLink {
    private let client: DeviceClient

    private init(_ client: DeviceClient) { self.client = client }

    /// nil, with a note, when no product or identity is configured: then there is no cloud, and the local manifest
    /// rules alone.
    static func open(
        _ context: GatewayContext, mayActivate: Bool, emit: (PassEvent) -> Void
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
            return nil
        }
    }

    /// The device client of this gateway. A dry run neither activates nor repairs a token file.
    static func client(
        _ context: GatewayContext, mayActivate: Bool, emit: (PassEvent) -> Void
    ) throws -> DeviceClient {
        var (device, warning) = try GatewayDevice.configuration(context)
        if let warning { emit(.note(warning)) }
        device.mayActivate = mayActivate
        let tokens = try TokenStore.make(context.folders, context.configuration, makingFolder: mayActivate)
        let client = try DeviceClient(configuration: device, tokens: tokens)
        #if DEBUG
            // The cloud has given the token out, and it is not kept yet.
            client.meter = { exchange in
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
            if writing.isEmpty { return try client.read(reading) }
            if reading.isEmpty {
                try client.write(writes)
                return [:]
            }
            return try client.writeAndRead(writes, reading: reading)
        } catch {
            throw CloudFailure(error)
        }
    }

    var place: String { CloudConnection.place(client) }

    static func place(_ client: DeviceClient) -> String {
        "\(client.configuration.baseURL) \(client.configuration.identity)"
    }

    func poll(_ resource: String, since: String?) throws(CloudFailure) -> CloudReading {
        do throws(DeviceClientError) {
            // "Since when" is now unless it is said: a time before any write.
            let answer = try client.poll(resource, timeout: .milliseconds(1), since: since ?? "0")
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
            if error.isPermanent { return nil }
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
        // A content that is not there (yet) says nothing against the release: it is asked for at each pass.
        kind = error.transfer.map { CloudFailure($0).kind } ?? .unavailable
    }

    init(_ error: TransferError) {
        description = "\(error)"
        retryAfter = error.retryAfter
        switch error.kind {
        case .tooLarge, .wrongSize, .wrongDigest: kind = .wrongContent
        default: kind = error.isNoSpace ? .noSpace : .unavailable
        }
    }
}
