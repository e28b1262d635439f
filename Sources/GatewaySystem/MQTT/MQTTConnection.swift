internal import Documents
internal import Glibc

/// A connection to an MQTT 3.1.1 server, by libmosquitto, which is loaded when the first one connects.
///
/// It has a thread of its own, which sleeps until something comes, somebody calls, or the keepalive is due: an idle
/// connection wakes up once in that time. Every method may be called from every thread. A connection connects once; after
/// its end make a new one: when to do that is the caller's policy.
///
/// The handlers run on the connection's thread, one at a time. There, `publish` cannot wait for its acknowledgement and
/// returns at once.
public final class MQTTConnection: Sendable {
    /// What a connection tells. After `close` has returned there is no further call, but for one that goes on then.
    public struct Handlers: Sendable {
        /// A message came, whether it was subscribed to or not.
        public var received: @Sendable (MQTTMessage) -> Void
        /// A payload over `MQTTMessage.byteLimit` came; it is dropped.
        public var dropped: @Sendable (_ topic: String, _ byteCount: Int) -> Void
        /// A connection that stood was lost: once, and not after `close`.
        public var lost: @Sendable (MQTTError) -> Void
        /// Something went over the wire: also while connecting, and for the last time before the end.
        public var moved: @Sendable (_ wire: MQTTWireCount, _ interface: String) -> Void

        /// What is not given does nothing.
        public init(
            received: @escaping @Sendable (MQTTMessage) -> Void = { _ in },
            dropped: @escaping @Sendable (String, Int) -> Void = { _, _ in },
            lost: @escaping @Sendable (MQTTError) -> Void = { _ in },
            moved: @escaping @Sendable (MQTTWireCount, String) -> Void = { _, _ in }
        ) {
            self.received = received
            self.dropped = dropped
            self.lost = lost
            self.moved = moved
        }
    }

    /// What the connection was made with.
    public let configuration: MQTTConfiguration
    private let handlers: Handlers
    let shared: MQTTShared

    /// Nothing is connected to yet. Throws `refused` for what is not acceptable: plain MQTT beyond loopback, a client
    /// identifier that is too long, a keepalive that is none.
    public init(_ configuration: MQTTConfiguration, handlers: Handlers = Handlers()) throws(MQTTError) {
        self.configuration = configuration
        self.handlers = handlers
        let action = "connect to \(configuration.description)"
        guard configuration.usesTLS || WebAddress.isLoopback(host: configuration.host) else {
            throw MQTTError(.refused, action, "plain mqtt is for loopback only; use mqtts")
        }
        let identifier = configuration.clientIdentifier.utf8
        guard identifier.count < 65_536, !identifier.contains(0) else {
            throw MQTTError(.refused, action, "the client identifier is too long")
        }
        let seconds = configuration.keepAlive.components.seconds
        guard seconds == 0 || (5...65_535).contains(seconds) else {
            throw MQTTError(.refused, action, "a keepalive of \(seconds) s: expected 0 or 5 to 65535")
        }
        guard configuration.port > 0, !configuration.host.isEmpty, !configuration.host.utf8.contains(0) else {
            throw MQTTError(.refused, action, "there is no host or no port")
        }
        do throws(SystemError) { shared = try MQTTShared() } catch {
            throw MQTTError(.connect, action, error.description)
        }
    }

    deinit { close() }

    /// Why nothing can speak MQTT here: libmosquitto is missing, or left out of this build. nil when it is there.
    public static var unavailability: String? { MQTTSession.unavailability?.description }

    /// Connects and waits for the server's consent, at most `connectTimeout`. Throws also when another thread calls
    /// `close` in between.
    public func connect() throws(MQTTError) {
        let action = "connect to \(configuration.description)"
        let isFirst = shared.state.update { state in
            guard case .idle = state.phase else { return false }
            state.phase = .connecting
            return true
        }
        guard isFirst else { throw MQTTError(.refused, action, "this connection was used before") }
        let worker = MQTTWorker(configuration, handlers, shared)
        do throws(SystemError) {
            // The thread ends by itself once `close` was called, at the latest when a name's lookup returns.
            try BackgroundThread("mqtt") { worker.run() }.detach()
        } catch {
            shared.state.update { state in
                state.phase = .closed(nil)
                state.isOver = true
            }
            throw MQTTError(.connect, action, error.description)
        }
        let result: Result<Void, MQTTError>? = shared.state.wait(
            atMost: configuration.connectTimeout + .milliseconds(500)
        ) { state in
            switch state.phase {
            case .idle, .connecting: nil
            case .connected: .success(())
            case .closed(let error): .failure(error ?? MQTTError(.cancelled, action, "it was closed"))
            }
        }
        guard let result else {
            close(within: .zero)
            throw MQTTError(.timeout, action, "the host's name was not found in time")
        }
        try result.get()
    }

    /// Whether the server has consented and nobody has ended the connection since. A peer that is gone without a word
    /// is noticed by the keepalive only.
    public var isConnected: Bool {
        shared.state.look { state in
            if case .connected = state.phase { return !state.isClosing }
            return false
        }
    }

    /// What it has cost so far; what the end cost too, once `close` has returned.
    public var wire: MQTTWireCount { shared.state.look(\.wire) }
    /// The network interface it goes over; "" before it stands.
    public var interface: String { shared.state.look(\.interface) }

    /// Sends a message and waits until the quality of service is met: on its way to the kernel, or acknowledged by the
    /// server. On the connection's own thread it does not wait.
    ///
    /// - Throws: `timeout` when no acknowledgement came in time; the message may have arrived all the same.
    public func publish(_ message: MQTTMessage, timeout: Duration = .seconds(60)) throws(MQTTError) {
        let action = "publish to \(message.topic)"
        guard message.payload.count <= MQTTMessage.byteLimit else {
            throw MQTTError(
                .tooLarge, action, "the payload has \(message.payload.count) bytes, over \(MQTTMessage.byteLimit)")
        }
        let topic = message.topic.utf8
        guard !topic.isEmpty, topic.count < 65_536, !topic.contains(0), !topic.contains(UInt8(ascii: "#")),
            !topic.contains(UInt8(ascii: "+"))
        else { throw MQTTError(.refused, action, "'\(message.topic)' is no topic to publish to") }
        try perform(.publish(message), action, timeout)
    }

    /// Asks for messages. Murano's resources need none: they are sent to their device unasked.
    public func subscribe(
        _ filter: String, qualityOfService: MQTTMessage.QualityOfService = .atLeastOnce,
        timeout: Duration = .seconds(60)
    ) throws(MQTTError) {
        try perform(.subscribe(filter, qualityOfService), "subscribe to \(filter)", timeout)
    }

    /// Says farewell, and waits for the end for a moment. Calls that wait end with `cancelled`. May be called at any
    /// time and more than once.
    public func close() { close(within: .seconds(2)) }

    private func close(within limit: Duration) {
        shared.state.update { state in
            state.isClosing = true
            if case .idle = state.phase {
                state.phase = .closed(nil)
                state.isOver = true
            }
            if case .connecting = state.phase { state.phase = .closed(nil) }
        }
        shared.wake()
        guard !shared.isOwnThread else { return }
        _ = shared.state.wait(atMost: limit) { $0.isOver ? true : nil }
    }

    private func perform(_ work: MQTTShared.Work, _ action: String, _ timeout: Duration) throws(MQTTError) {
        let isAwaited = !shared.isOwnThread
        let ticket: Result<UInt64, MQTTError> = shared.state.update { state in
            switch state.phase {
            case .connected where !state.isClosing:
                state.lastTicket += 1
                state.commands.append(.init(ticket: state.lastTicket, work: work, isAwaited: isAwaited))
                if isAwaited { state.awaited.insert(state.lastTicket) }
                return .success(state.lastTicket)
            case .closed(let error?): return .failure(error)
            default: return .failure(MQTTError(.cut, action, "there is no connection"))
            }
        }
        let number = try ticket.get()
        guard isAwaited else { return }
        defer {
            shared.state.update { state in
                state.awaited.remove(number)
                state.results[number] = nil
            }
        }
        shared.wake()
        let result: Result<Void, MQTTError>? = shared.state.wait(atMost: timeout) { state in
            if let result = state.results.removeValue(forKey: number) { return result }
            guard case .closed(let error) = state.phase else { return nil }
            return .failure(error ?? MQTTError(.cancelled, action, "the connection was closed"))
        }
        guard let result else {
            throw MQTTError(.timeout, action, "the server has not acknowledged it in \(timeout.components.seconds) s")
        }
        try result.get()
    }
}
