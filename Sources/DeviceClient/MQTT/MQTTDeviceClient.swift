public import GatewaySystem

/// Exosite Murano's MQTT device API for one device (docs/cloud.md#the-device-api-over-mqtt), beside `DeviceClient`,
/// which speaks HTTPS. Values that the cloud sets arrive by themselves; contents are only to be had over HTTPS.
///
/// Calls block and may be made by every thread. There is one connection at most, with a thread of its own, on which the
/// handler runs. Nothing is tried twice here, but for what a refused token needs: `stayConnected` tries again by the
/// caller's policy.
public final class MQTTDeviceClient: Sendable {
    /// What becomes of a value that the cloud has set. Until the device publishes the resource, the cloud takes the value
    /// for not arrived, and sends it again after each connect.
    public enum Reply: Sendable, Hashable {
        /// Publish the same value: it has been taken.
        case echo
        /// Publish another one instead: what the device has made of it.
        case publish(String)
        /// Publish nothing now: for handlers that first keep it durably (`acknowledge`), or answer by HTTPS.
        case nothing
    }

    /// What this client was made with.
    public let configuration: Configuration
    /// Where the token is kept between runs. `TokenStore.none` for a client that is given its token.
    public let tokens: TokenStore
    private let tally: MQTTUsageTally
    private let handler: @Sendable (ResourceSet) -> Reply

    struct State {
        var connection: MQTTConnection?
        var token: DeviceToken?
        /// Heeded where `configuration` leaves the port open.
        var ports = MQTTPortChoice()
        /// What ended the connection, until somebody has asked.
        var loss: DeviceClientError?
        var isClosed = false
    }

    let state: Monitor<State>

    /// Nothing is connected to yet.
    ///
    /// - Parameters:
    ///   - meter: told what each call cost, by the thread that made it or by the connection's.
    ///   - handler: told of values that the cloud has set, also, after each connect, of those that it missed. It runs on
    ///     the connection's thread and must not block for long.
    public init(
        configuration: Configuration, tokens: TokenStore, meter: (@Sendable (UsageRecord) -> Void)? = nil,
        handler: @escaping @Sendable (ResourceSet) -> Reply = { _ in .echo }
    ) {
        self.configuration = configuration
        self.tokens = tokens
        tally = MQTTUsageTally(identity: configuration.device.identity, meter: meter)
        self.handler = handler
        state = Monitor(State(token: configuration.device.token))
    }

    deinit { close() }

    // MARK: Connection

    /// Connects as this device, activating it first where it has no token and that is permitted. A refused token is
    /// replaced by the one that another process has stored in the meantime, or by activating anew, once. Does nothing
    /// while there is a connection.
    ///
    /// Where the configuration leaves the port open and nobody answers at 8883, the next call tries 443, and the other
    /// way round; what worked last comes first.
    public func connect() throws(DeviceClientError) {
        let identity = configuration.device.identity
        let action = identity.isEmpty ? "connect as the device of the token" : "connect as device \(identity)"
        guard configuration.device.usesToken, configuration.password == nil else { return try open(nil, action) }
        let (token, isFresh) = try currentToken(action)
        let refusal: DeviceClientError
        do throws(DeviceClientError) { return try open(token, action) } catch {
            guard error.kind == .notAuthorised else { throw error }
            refusal = error
        }
        if let stored = try storedToken(action), stored != token {
            state.update { $0.token = stored }
            do throws(DeviceClientError) { return try open(stored, action) } catch {
                guard error.kind == .notAuthorised else { throw error }
            }
        }
        state.update { $0.token = nil }
        guard configuration.device.mayActivate, !isFresh else { throw refusal }
        try open(activate(), action)
    }

    /// Whether there is a connection that the server has accepted. A line that dies silently counts as
    /// one until the keep-alive finds out.
    public var isConnected: Bool { state.look(\.connection)?.isConnected ?? false }

    /// Ends the connection, if there is one, and all calls that wait, and `stayConnected`. For good.
    public func close() {
        let connection = state.update { state in
            state.isClosed = true
            return state.connection
        }
        connection?.close()
    }

    private func open(_ token: DeviceToken?, _ action: String) throws(DeviceClientError) {
        guard !isConnected else { return }
        let password = configuration.password ?? token?.secret
        let name = configuration.password == nil ? "" : configuration.device.identity
        _ = try connection(
            as: password == nil ? nil : (name, password), action, .subscribe, ["$resource"],
            received: { [weak self] message in self?.take(message) },
            lost: { [weak self] error in
                guard let self else { return }
                state.update { $0.loss = DeviceClientError(error, "stay connected to the cloud") }
            })
    }

    /// A connection that stands; it becomes the client's own.
    func connection(
        as login: (name: String, password: String?)?, _ action: String, _ method: UsageRecord.Method,
        _ resources: [String], received: @escaping @Sendable (MQTTMessage) -> Void,
        lost: @escaping @Sendable (MQTTError) -> Void
    ) throws(DeviceClientError) -> MQTTConnection {
        guard let server = configuration.server else {
            let url = configuration.cloudURL ?? configuration.device.baseURL
            throw DeviceClientError(.permanent, action, "'\(url)' is no address of an MQTT server")
        }
        let hasChoice = configuration.hasChoiceOfPorts
        var settings = MQTTConfiguration(
            host: server.host, port: hasChoice ? state.look(\.ports.port) : server.port, usesTLS: server.usesTLS,
            clientIdentifier: configuration.device.identity, transfer: configuration.device.transfer)
        settings.userName = login?.name
        settings.password = login?.password
        settings.keepAlive = configuration.keepAlive
        settings.connectTimeout = min(configuration.device.timeout, .seconds(60))
        let handlers = MQTTConnection.Handlers(
            received: received, lost: lost,
            moved: { [weak tally] wire, interface in
                tally?.note { usage in usage.moved(wire, interface: interface) }
            })
        do throws(MQTTError) {
            let connection = try MQTTConnection(settings, handlers: handlers)
            let (isClosed, old) = state.update { state in
                let old = state.connection
                state.loss = nil
                state.connection = connection
                return (state.isClosed, old)
            }
            // Its end may take a moment, and is not waited for under the lock.
            withExtendedLifetime(old) {}
            guard !isClosed else { throw MQTTError.failed(TransferError(.cancelled, action, "it was closed")) }
            let call = tally.beginAnew(method, resources)
            defer { tally.note { $0.end(call, connection.wire, interface: connection.interface) } }
            try connection.connect()
            state.update { $0.ports.hear(.answered) }
            return connection
        } catch {
            var failure = DeviceClientError(error, action)
            guard hasChoice else { throw failure }
            let event = MQTTPortChoice.Event(error)
            state.update { $0.ports.hear(event) }
            if event == .failed(.connect) || event == .failed(.timeout) {
                failure.reason += "; the cloud's MQTT is tried at port 8883 and at 443 in turn"
            }
            throw failure
        }
    }

    // MARK: Values

    private func take(_ message: MQTTMessage) {
        // Other topics are not for devices of today.
        guard let set = ResourceSet(message), let connection = state.look(\.connection) else { return }
        tally.note { $0.received(set.alias, connection.wire, interface: connection.interface) }
        switch handler(set) {
        case .echo: try? publish(set.alias, set.value)
        case .publish(let value): try? publish(set.alias, value)
        case .nothing: break
        }
    }

    /// Writes a value. With `atLeastOnce` the cloud has it when this returns; after a `timeout` or a lost connection it
    /// may have it. Called by the handler it does not wait.
    public func publish(
        _ alias: String, _ value: String, qualityOfService: MQTTMessage.QualityOfService = .atLeastOnce
    ) throws(DeviceClientError) {
        let action = "publish \(alias)"
        if let fault = MQTTTopic.fault(of: alias) { throw DeviceClientError(.permanent, action, fault) }
        let message = MQTTMessage(
            MQTTTopic.resource(alias), Array(value.utf8), qualityOfService: qualityOfService)
        try send(message, action, .publish, [alias])
    }

    /// Tells the cloud that a value has been taken, as `Reply.echo` does.
    public func acknowledge(_ set: ResourceSet) throws(DeviceClientError) { try publish(set.alias, set.value) }

    /// Writes values with times of their own, all in one message of at most 1 MiB. There is no answer to single ones:
    /// what the cloud has already, or refuses, is not told.
    public func record(
        _ points: [RecordPoint], qualityOfService: MQTTMessage.QualityOfService = .atLeastOnce
    ) throws(DeviceClientError) {
        guard !points.isEmpty else { return }
        var aliases: [String] = []
        for point in points where !aliases.contains(point.alias) { aliases.append(point.alias) }
        let action = "record \(aliases.joined(separator: ", "))"
        for alias in aliases {
            if let fault = MQTTTopic.fault(of: alias) { throw DeviceClientError(.permanent, action, fault) }
        }
        let message = MQTTMessage(
            MQTTTopic.batch, MQTTTopic.batch(points), qualityOfService: qualityOfService)
        try send(message, action, .record, aliases)
    }

    /// Publishes under any topic, as it is: for tools.
    public func publish(_ message: MQTTMessage) throws(DeviceClientError) {
        try send(message, "publish to \(message.topic)", .publish, [message.topic])
    }

    private func send(
        _ message: MQTTMessage, _ action: String, _ method: UsageRecord.Method, _ resources: [String]
    ) throws(DeviceClientError) {
        guard let connection = state.look(\.connection) else {
            throw DeviceClientError(.retryLater, action, "there is no connection")
        }
        let call = tally.begin(method, resources)
        defer { tally.note { $0.end(call, connection.wire, interface: connection.interface) } }
        do throws(MQTTError) {
            try connection.publish(message, timeout: configuration.device.timeout)
        } catch {
            throw DeviceClientError(error, action)
        }
    }
}
