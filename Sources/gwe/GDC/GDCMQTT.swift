internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// The words after `gdc mqtt`, understood.
enum GDCMQTTCommand: Hashable {
    case activate
    /// nil: one message for each line of standard input.
    case publish(topic: String, value: String?)
    case subscribe
    /// Publishes the lines of standard input, and prints what comes.
    case publishAndSubscribe(topic: String)

    var topic: String? {
        switch self {
        case .publish(let topic, _), .publishAndSubscribe(let topic): topic
        case .activate, .subscribe: nil
        }
    }

    init(_ words: [String]) throws(GDCFailure) {
        let operands = Array(words.dropFirst())
        switch (words.first, operands.count) {
        case ("activate", 0): self = .activate
        case ("publish", 2): self = .publish(topic: operands[0], value: operands[1] == "-" ? nil : operands[1])
        case ("subscribe", 0): self = .subscribe
        case ("pubsub", 1): self = .publishAndSubscribe(topic: operands[0])
        default: throw GDCForms.mistake("mqtt", words)
        }
    }
}

/// `gdc mqtt`: Murano's MQTT device API for shell scripts.
struct GDCMQTT {
    private let configuration: MQTTDeviceClient.Configuration
    private let quality: MQTTMessage.QualityOfService
    /// How long to listen; nil: for ever.
    private let time: Duration?

    static func run(_ words: [String], _ options: GDCOptions) throws(GDCFailure) -> Int32 {
        let command = try GDCMQTTCommand(words)
        if let topic = command.topic { try check(topic) }
        let target = try GDCTarget(options, transport: .mqtt)
        // A token or a certificate says who it is; without one nothing but activation is permitted.
        let isKnown = target.token != nil || target.configuration.transfer.clientCertificate != nil
        guard !target.configuration.identity.isEmpty || isKnown && command != .activate else {
            throw .usage(
                "who is it? give -u ID, or murano_id in the file of -f" + (command == .activate ? "" : ", or a token"))
        }
        let session = try GDCMQTT(target, options)
        if let problem = MQTTConnection.unavailability {
            tell("gdc: \(problem); 'gdc http' does the same over HTTPS")
            return ExitStatus.unavailable.rawValue
        }
        do {
            switch command {
            case .activate: return try session.activate(target)
            case .publish(let topic, let value): return try session.publish(topic, value)
            case .subscribe: return try session.listen(publishingTo: nil)
            case .publishAndSubscribe(let topic): return try session.listen(publishingTo: topic)
            }
        } catch let error as GDCFailure {
            throw error
        } catch let error as DeviceClientError {
            throw GDCMQTT.failure(error)
        } catch {
            throw GDCFailure(code: ExitStatus.systemError.rawValue, message: "\(error)")
        }
    }

    /// The device API ends a connection that publishes to anything else, and does not say why.
    private static func check(_ topic: String) throws(GDCFailure) {
        let isKnown =
            topic == "$resource.batch" || topic.hasPrefix("$provision/")
            || topic.hasPrefix("$resource/") && topic.utf8.count > "$resource/".utf8.count || !topic.hasPrefix("$")
        guard isKnown, !topic.isEmpty, topic.utf8.count <= 300, !topic.contains(where: { "+#\0".contains($0) }) else {
            throw .usage("'\(topic)' is no topic: expected ALIAS, $resource/ALIAS or $resource.batch")
        }
    }

    private init(_ target: GDCTarget, _ options: GDCOptions) throws(GDCFailure) {
        var configuration = MQTTDeviceClient.Configuration(target.configuration)
        configuration.port = options.port.flatMap { UInt16($0) }
        if let text = options.keepAlive {
            guard let seconds = Double(text), seconds == 0 || (5...65_535).contains(seconds) else {
                throw .usage("'\(text)' is no keepalive: expected 5 to 65535 seconds, or 0 for none")
            }
            configuration.keepAlive = .seconds(Int64(seconds.rounded(.up)))
        }
        guard configuration.server != nil else {
            throw .usage("'\(target.configuration.baseURL)' is no address: expected mqtt://HOST[:PORT]")
        }
        guard let quality = MQTTMessage.QualityOfService(rawValue: Int32(options.qualityOfService ?? "1") ?? -1) else {
            throw .usage("'\(options.qualityOfService ?? "")' is no quality of service: expected 0 or 1")
        }
        if let text = options.disconnectAfter {
            guard let seconds = Double(text), seconds >= 0, seconds <= 1e9 else {
                throw .usage("'\(text)' is no time: expected seconds")
            }
            time = .seconds(seconds)
        } else {
            time = nil
        }
        self.configuration = configuration
        self.quality = quality
    }

    private func client(_ handler: @escaping @Sendable (ResourceSet) -> MQTTDeviceClient.Reply) -> MQTTDeviceClient {
        MQTTDeviceClient(configuration: configuration, tokens: .none, meter: GDCSession.meter.count, handler: handler)
    }

    private func activate(_ target: GDCTarget) throws -> Int32 {
        let client = client { _ in .nothing }
        return try GDCActivation.run(target) { () throws(GDCFailure) in
            do throws(DeviceClientError) { return try client.requestToken() } catch { throw GDCMQTT.failure(error) }
        }
    }

    private func publish(_ topic: String, _ value: String?) throws -> Int32 {
        let client = client { _ in .nothing }
        defer { client.close() }
        try client.connect()
        if let value {
            try client.publish(message(topic, value))
            return 0
        }
        var lines = GDCInputLines()
        while let line = try lines.next() { try client.publish(message(topic, line)) }
        return 0
    }

    /// Prints what comes, one message a line, until the time is over or the connection is lost.
    private func listen(publishingTo topic: String?) throws -> Int32 {
        let client = client { set in
            emitData(GDCMQTT.line(set))
            return .nothing
        }
        defer { client.close() }
        let end = time.map { MonotonicTime.now + $0 }
        try client.connect()
        let trouble = Monitor<GDCFailure?>(nil)
        let feeder = topic.map { topic in
            Result<BackgroundThread, SystemError> { () throws(SystemError) in
                try BackgroundThread("gdc-input") {
                    var lines = GDCInputLines()
                    do {
                        while let line = try lines.next() { try client.publish(message(topic, line)) }
                    } catch let error as DeviceClientError {
                        trouble.update { $0 = GDCMQTT.failure(error) }
                        client.close()
                    } catch {
                        trouble.update { $0 = error as? GDCFailure }
                        client.close()
                    }
                }
            }
        }
        // It may be waiting for a line for ever.
        try feeder?.get().detach()
        let loss = client.waitForLoss(until: end)
        if let failure = trouble.look({ $0 }) { throw failure }
        if let loss { throw loss }
        return 0
    }

    /// A word without `$` in front is the name of a resource.
    private func message(_ topic: String, _ value: String) -> MQTTMessage {
        MQTTMessage(
            topic.hasPrefix("$") ? topic : "$resource/" + topic, Array(value.utf8), qualityOfService: quality)
    }

    /// murano-client's form.
    private static func line(_ set: ResourceSet) -> String {
        set.alias + (set.timestamp.map { ".\($0)" } ?? "") + "=" + set.value
    }

    private static func failure(_ error: DeviceClientError) -> GDCFailure {
        GDCFailure(code: GDCSession.code(of: error).rawValue, message: error.description)
    }
}
