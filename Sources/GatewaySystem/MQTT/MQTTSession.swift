/// What a session's calls have brought.
enum MQTTEvent {
    /// CONNACK with its return code.
    case answered(Int)
    case published(Int32)
    case subscribed(Int32, isGranted: Bool)
    case message(MQTTMessage)
    /// Larger than `MQTTMessage.byteLimit`, and dropped.
    case tooLarge(topic: String, byteCount: Int)
}

#if canImport(CMosquitto)
    internal import CMosquitto
    internal import Glibc

    /// One client of libmosquitto with one connection. Used by one thread, which also gets what the callbacks say: in
    /// `events`, after each call.
    final class MQTTSession {
        var events: [MQTTEvent] = []
        private let client: OpaquePointer
        private let tls: OpaquePointer?
        private let configuration: MQTTConfiguration
        private let action: String

        static var unavailability: MQTTError? {
            gwe_mosquitto_load().map { MQTTError(.refused, "load libmosquitto", String(cString: $0)) }
        }

        init(_ configuration: MQTTConfiguration, action: String) throws(MQTTError) {
            self.configuration = configuration
            self.action = action
            if let problem = MQTTSession.unavailability { throw problem }
            var encryption: OpaquePointer?
            if configuration.usesTLS {
                let transfer = configuration.transfer
                var problem = [CChar](repeating: 0, count: 512)
                encryption = gwe_mosquitto_tls_new(
                    configuration.host, transfer.caFile, transfer.clientCertificate, transfer.clientKey, &problem,
                    problem.count)
                guard encryption != nil else {
                    let text = String(decoding: problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                    throw MQTTError(.refused, action, "cannot " + text)
                }
            }
            guard let client = gwe_mosquitto_new(configuration.clientIdentifier) else {
                gwe_mosquitto_tls_free(encryption)
                throw MQTTError(.refused, action, "out of memory")
            }
            self.client = client
            tls = encryption
            if let encryption, gwe_mosquitto_tls_use(encryption, client) != MOSQ_ERR_SUCCESS.code {
                throw MQTTError(.refused, action, "libmosquitto takes no TLS settings")
            }
            // In MQTT 3.1.1 a password needs a user name, which may be empty (3.1.2.9).
            if configuration.userName != nil || configuration.password != nil {
                let code = mosquitto_username_pw_set(client, configuration.userName ?? "", configuration.password)
                guard code == MOSQ_ERR_SUCCESS.code else { throw failure(code) }
            }
            hear()
        }

        deinit {
            mosquitto_destroy(client)
            gwe_mosquitto_tls_free(tls)
        }

        /// Begins to connect to a numeric address; `events` tell the end of it.
        ///
        /// - Parameter binding: the interface to go by, and its address.
        func connect(to address: String, by binding: (interface: String, source: String)?) throws(MQTTError) {
            mosquitto_user_data_set(client, Unmanaged.passUnretained(self).toOpaque())
            guard let binding else { return try begin(address, configuration.port) }
            let bound = try MQTTBoundSocket(action: action)
            try begin("127.0.0.1", bound.port)
            try bound.replace(
                descriptor, by: address, port: configuration.port, interface: binding.interface,
                source: binding.source)
        }

        private func begin(_ address: String, _ port: UInt16) throws(MQTTError) {
            let keepAlive = Int32(clamping: configuration.keepAlive.components.seconds)
            let code = mosquitto_connect_bind_async(client, address, Int32(port), keepAlive, nil)
            guard code == MOSQ_ERR_SUCCESS.code || code == MOSQ_ERR_CONN_PENDING.code else {
                let error = failure(code)
                guard case .failed(var failure) = error, failure.kind == .cut else { throw error }
                failure.kind = .connect
                throw .failed(failure)
            }
        }

        /// -1 when there is no connection any more.
        var descriptor: Int32 { mosquitto_socket(client) }

        /// The handshake of TLS goes on.
        var isHandshaking: Bool {
            var wantsWrite = false
            return tls != nil && gwe_mosquitto_tls_is_handshaking(client, &wantsWrite)
        }

        /// There is something to read, whatever poll(2) says of the descriptor.
        var hasPending: Bool { tls != nil && gwe_mosquitto_tls_has_pending(client) }

        var wantsWrite: Bool {
            var handshake = false
            if tls != nil, gwe_mosquitto_tls_is_handshaking(client, &handshake) { return handshake }
            return mosquitto_want_write(client)
        }

        /// Reads what is there, or goes on with the handshake.
        func read() throws(MQTTError) { try check(mosquitto_loop_read(client, 1)) }
        func write() throws(MQTTError) { try check(mosquitto_loop_write(client, 1)) }
        /// Keeps the connection alive, when that is due.
        func keepAlive() throws(MQTTError) { try check(mosquitto_loop_misc(client)) }
        func disconnect() { mosquitto_disconnect(client) }

        /// Returns the packet's identifier; `published` follows.
        func publish(_ message: MQTTMessage) throws(MQTTError) -> Int32 {
            var identifier: Int32 = 0
            let code = message.payload.withUnsafeBytes {
                mosquitto_publish(
                    client, &identifier, message.topic, Int32($0.count), $0.baseAddress,
                    message.qualityOfService.rawValue, false)
            }
            try check(code)
            return identifier
        }

        func subscribe(_ filter: String, _ quality: MQTTMessage.QualityOfService) throws(MQTTError) -> Int32 {
            var identifier: Int32 = 0
            try check(mosquitto_subscribe(client, &identifier, filter, quality.rawValue))
            return identifier
        }

        // MARK: What libmosquitto says

        private func check(_ code: Int32) throws(MQTTError) {
            // An answer to the attempt to connect is an event.
            guard code != MOSQ_ERR_SUCCESS.code, code != MOSQ_ERR_CONN_REFUSED.code else { return }
            throw failure(code)
        }

        private func failure(_ code: Int32) -> MQTTError {
            let saved = errno
            if let tls {
                if gwe_mosquitto_tls_refusal(tls) != 0 {
                    let why = String(cString: gwe_mosquitto_tls_refusal_text(tls))
                    let isTooEarly = gwe_mosquitto_tls_is_too_early(tls)
                    let hint = isTooEarly ? "; is this machine's clock right?" : ""
                    let isExpired = gwe_mosquitto_tls_is_expired(tls)
                    return MQTTError(
                        isTooEarly ? .clockSuspect : isExpired ? .expired : .tls, action,
                        "the server's certificate is refused: " + why + hint)
                }
                if let alert = gwe_mosquitto_tls_alert(tls) {
                    return MQTTError(.tls, action, "the server ends TLS: " + String(cString: alert))
                }
            }
            let words = String(cString: mosquitto_strerror(code)).lowercasedFirst
            let reason = words.hasSuffix(".") ? String(words.dropLast()) : words
            switch code {
            // The server was gone while libmosquitto wrote, and its reason with it.
            case MOSQ_ERR_ERRNO.code where saved == EPROTO && tls != nil:
                let hint = "; does it want another client certificate?"
                return MQTTError(.tls, action, "the server ends TLS" + hint, code: saved)
            case MOSQ_ERR_ERRNO.code where saved != 0:
                let kind: TransferError.Kind = saved == ETIMEDOUT ? .timeout : .cut
                return MQTTError(kind, action, SystemError.words(saved), code: saved)
            case MOSQ_ERR_CONN_LOST.code, MOSQ_ERR_ERRNO.code, MOSQ_ERR_NO_CONN.code:
                return MQTTError(.cut, action, "the connection was lost")
            case MOSQ_ERR_KEEPALIVE.code: return MQTTError(.timeout, action, "the server does not answer any more")
            case MOSQ_ERR_TLS.code: return MQTTError(.tls, action, "TLS failed")
            case MOSQ_ERR_EAI.code: return MQTTError(.dns, action, reason)
            case MOSQ_ERR_PROTOCOL.code, MOSQ_ERR_MALFORMED_PACKET.code, MOSQ_ERR_MALFORMED_UTF8.code:
                return MQTTError(.malformed, action, reason)
            default: return MQTTError(.refused, action, reason, code: code)
            }
        }

        private func hear() {
            mosquitto_connect_callback_set(client) { _, context, code in
                MQTTSession.at(context)?.events.append(.answered(Int(code)))
            }
            mosquitto_publish_callback_set(client) { _, context, identifier in
                MQTTSession.at(context)?.events.append(.published(identifier))
            }
            mosquitto_subscribe_callback_set(client) { _, context, identifier, count, granted in
                let isGranted = count > 0 && granted.map { $0[0] < 3 } ?? false
                MQTTSession.at(context)?.events.append(.subscribed(identifier, isGranted: isGranted))
            }
            mosquitto_message_callback_set(client) { _, context, message in
                guard let message = message?.pointee, let session = MQTTSession.at(context) else { return }
                let topic = message.topic.map { String(cString: $0) } ?? ""
                let byteCount = Int(message.payloadlen)
                guard byteCount <= MQTTMessage.byteLimit else {
                    session.events.append(.tooLarge(topic: topic, byteCount: byteCount))
                    return
                }
                let payload = UnsafeRawBufferPointer(
                    start: message.payload, count: message.payload == nil ? 0 : byteCount)
                session.events.append(
                    .message(
                        MQTTMessage(
                            topic, Array(payload), qualityOfService: message.qos > 0 ? .atLeastOnce : .atMostOnce)))
            }
        }

        private static func at(_ context: UnsafeMutableRawPointer?) -> MQTTSession? {
            context.map { Unmanaged<MQTTSession>.fromOpaque($0).takeUnretainedValue() }
        }
    }

    extension mosq_err_t {
        fileprivate var code: Int32 { rawValue }
    }
#else
    /// In place of libmosquitto, where the package's trait MQTT is off.
    final class MQTTSession {
        var events: [MQTTEvent] = []
        let descriptor: Int32 = -1
        let isHandshaking = false
        let hasPending = false
        let wantsWrite = false

        static var unavailability: MQTTError? { MQTTError(.refused, "speak MQTT", "this gwe is built without MQTT") }

        init(_ configuration: MQTTConfiguration, action: String) throws(MQTTError) {
            throw MQTTError(.refused, action, "this gwe is built without MQTT")
        }

        func connect(to address: String, by binding: (interface: String, source: String)?) throws(MQTTError) {}
        func read() throws(MQTTError) {}
        func write() throws(MQTTError) {}
        func keepAlive() throws(MQTTError) {}
        func disconnect() {}
        func publish(_ message: MQTTMessage) throws(MQTTError) -> Int32 { 0 }
        func subscribe(_ filter: String, _ quality: MQTTMessage.QualityOfService) throws(MQTTError) -> Int32 { 0 }
    }
#endif
