internal import Glibc

/// One client's connection, from the handshake to the last byte. It has a thread of its own.
final class MQTTConnection {
    private let service: MQTTService
    private let transport: MQTTTransport
    private let link: MQTTLink
    private var decoder = MQTTDecoder(byteLimit: MQTTCalls.packetByteLimit)
    private var outbox = MQTTOutbox()
    /// nil before its CONNECT.
    private var client: MQTTClient?
    /// When the client will be taken for gone; nil for never.
    private var deadline: ContinuousClock.Instant?
    private var keepAlive: UInt16 = 0
    /// A fault: everything is read and nothing answered.
    private var isSilent = false
    /// The last reading stopped before everything was read.
    private var hasMore = false
    /// Something may have to be delivered.
    private var isStale = false
    /// The time of the newest value that was sent on this connection, for each resource.
    private var delivered: [String: Int64] = [:]

    /// For the handshake and the CONNECT.
    private static let patience = Duration.seconds(10)
    /// With so much to be sent, nothing more is delivered and nothing more read.
    private static let outboxByteLimit = 1 << 20

    init(service: MQTTService, transport: MQTTTransport, link: MQTTLink) {
        self.service = service
        self.transport = transport
        self.link = link
    }

    /// Returns when the connection has ended.
    func run() {
        deadline = .now + MQTTConnection.patience
        let end = serve()
        if let reason = end.reason { note("MQTT CLOSE", reason, end.status) }
        if end.manner == .orderly { linger() }
        if let device = client?.device { service.sessions.detach(device, link) }
    }

    private func serve() -> MQTTEnd {
        do throws(MQTTEnd) {
            try shakeHands()
            while true {
                repeat {
                    try deliver()
                    try flush()
                } while isStale && outbox.isEmpty
                let isFull = outbox.count >= MQTTConnection.outboxByteLimit
                if isFull || !hasMore { try wait(forRoom: !outbox.isEmpty) }
                if !isFull { try receive() }
            }
        } catch {
            return error
        }
    }

    private func note(_ method: String, _ path: String, _ status: Int, received: Int = 0, sent: Int = 0) {
        service.note(method, path, status, device: client?.device, received: received, sent: sent)
    }

    // MARK: Bytes

    private func shakeHands() throws(MQTTEnd) {
        while true {
            switch transport.handshake() {
            case .bytes: return
            case .wait(let forRoom): try wait(forRoom: forRoom)
            case .ended: throw MQTTEnd("the TLS handshake failed", status: 400, manner: .abrupt)
            }
        }
    }

    private func flush() throws(MQTTEnd) {
        while !outbox.isEmpty {
            guard case .bytes(let count) = try sound(transport.write(outbox.bytes)) else { return }
            outbox.removeFirst(count)
        }
    }

    private func receive() throws(MQTTEnd) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case .bytes(let count) = try sound(transport.read(&buffer)) {
            guard !isSilent else { continue }
            decoder.append(buffer.prefix(count))
            do {
                while let (packet, byteCount) = try decoder.next() { try handle(packet, byteCount) }
            } catch let error as MQTTProtocolError {
                throw MQTTEnd("malformed: \(error)", status: 400)
            } catch let end as MQTTEnd {
                throw end
            } catch {
                throw MQTTEnd("\(error)", status: 500)
            }
            hasMore = outbox.count >= MQTTConnection.outboxByteLimit
            if hasMore { return }
        }
        hasMore = false
    }

    private func sound(_ outcome: MQTTTransport.Outcome) throws(MQTTEnd) -> MQTTTransport.Outcome {
        if case .ended = outcome { throw .peerLeft }
        return outcome
    }

    /// Until something can be read, or written, or somebody wakes this connection.
    private func wait(forRoom: Bool) throws(MQTTEnd) {
        let rest = deadline.map { max(.zero, $0 - .now) }
        let milliseconds = rest.map { Int32(clamping: Int64($0 / .milliseconds(1)) + 1) } ?? -1
        let isWoken = try poll(forRoom: forRoom, milliseconds)
        if let end = link.end { throw end }
        if isWoken { isStale = true }
        if let deadline, deadline <= .now {
            throw MQTTEnd(client == nil ? "no CONNECT" : "no packet for one and a half keep-alives", status: 408)
        }
    }

    /// Whether somebody has woken this connection.
    private func poll(forRoom: Bool, _ milliseconds: Int32) throws(MQTTEnd) -> Bool {
        let events = Int16(forRoom ? POLLIN | POLLOUT : POLLIN)
        var entries = [
            pollfd(fd: transport.descriptor, events: events, revents: 0),
            pollfd(fd: link.waker.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        guard Glibc.poll(&entries, nfds_t(entries.count), milliseconds) >= 0 || errno == EINTR else { throw .peerLeft }
        guard entries[1].revents != 0 else { return false }
        link.waker.drain()
        return true
    }

    /// Sends the rest, says goodbye and gives the peer a second to read it, lest a reset destroys it on its way.
    private func linger() {
        let end = ContinuousClock.now + .seconds(2)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var hasFinished = false
        while ContinuousClock.now < end, link.end != .stopped {
            if outbox.isEmpty, !hasFinished {
                hasFinished = true
                transport.finishWriting()
            }
            if !outbox.isEmpty {
                guard case .bytes(let count) = transport.write(outbox.bytes) else { return }
                outbox.removeFirst(count)
                continue
            }
            if case .ended = transport.read(&buffer) { return }
            _ = try? poll(forRoom: false, 200)
        }
    }

    // MARK: Packets

    private func handle(_ packet: MQTTPacket, _ byteCount: Int) throws {
        if keepAlive > 0 { deadline = .now + .milliseconds(Int64(keepAlive) * 1500) }
        guard !isSilent else { return }
        var login: (client: MQTTClient, code: MQTTConnectCode)?
        if case .connect(let connect) = packet, client == nil {
            login = try MQTTLogin(store: service.store, certificateName: transport.clientName).client(connect)
        }
        let fault = service.faults.takeForMQTT(Fault.Call(packet), device: login?.client.device ?? client?.device)
        let outcome: MQTTOutcome
        switch fault {
        case .silent:
            isSilent = true
            deadline = nil
            return note(packet.logName, packet.logPath, 503, received: byteCount)
        case .answer, .refuse, .captivePortal: outcome = packet.refusal(by: fault)
        case .slow(let seconds):
            try stall(.milliseconds(Int64(seconds * 1000)))
            outcome = try act(packet, login)
        default: outcome = try act(packet, login)
        }
        var bytes = outcome.answers.flatMap(\.bytes)
        switch fault {
        case .garbage where !bytes.isEmpty: bytes = Fault.Kind.garbagePacket
        case .captivePortal: bytes = Fault.Kind.portalAnswer
        case .cut(let count): bytes = Array(bytes.prefix(Int(clamping: count)))
        default: break
        }
        note(outcome.method, outcome.path, outcome.status, received: byteCount, sent: bytes.count)
        outbox.append(bytes)
        if case .cut = fault { throw MQTTEnd("cut", status: 500) }
        if let end = outcome.end { throw end }
    }

    private func act(
        _ packet: MQTTPacket, _ login: (client: MQTTClient, code: MQTTConnectCode)?
    ) throws -> MQTTOutcome {
        guard let client else { return connect(packet, login) }
        switch packet {
        case .publish(let publish): return try service.calls.publish(publish, by: client)
        case .puback(let id):
            let delivery = client.device.flatMap { service.sessions.acknowledge($0, link, id) }
            let path = delivery.map { "\(MQTTCalls.resourcePrefix)\($0.name)/\($0.timestamp)" } ?? ""
            return MQTTOutcome(method: packet.logName, path: path, status: delivery == nil ? 404 : 204)
        case .subscribe(let id, let subscriptions): return service.calls.subscribe(id, subscriptions, by: client)
        case .unsubscribe(let id, _):
            return MQTTOutcome(method: packet.logName, path: packet.logPath, answers: [.unsuback(id: id)])
        case .pingreq: return MQTTOutcome(method: packet.logName, answers: [.pingresp])
        case .disconnect: return MQTTOutcome(method: packet.logName, end: .peerLeft)
        case .connect, .foreignConnect: return .refusal(packet.logName, "", 400, "a second CONNECT")
        case .pubrec, .pubrel, .pubcomp: return .refusal(packet.logName, "", 400, "QoS 2 is not supported")
        case .connack, .suback, .unsuback, .pingresp:
            return .refusal(packet.logName, "", 400, "a packet that only servers send")
        }
    }

    private func connect(
        _ packet: MQTTPacket, _ login: (client: MQTTClient, code: MQTTConnectCode)?
    ) -> MQTTOutcome {
        if case .foreignConnect(let level) = packet {
            return .connectRefusal(.badVersion, "protocol level \(level), expected 4: MQTT 3.1.1")
        }
        guard case .connect(let connect) = packet, let login else {
            return .refusal(packet.logName, packet.logPath, 400, "expected a CONNECT first")
        }
        client = login.client
        guard login.code == .accepted else { return .connectRefusal(login.code, "connect refused") }
        keepAlive = connect.keepAlive
        deadline = keepAlive == 0 ? nil : .now + .milliseconds(Int64(keepAlive) * 1500)
        var outcome = MQTTOutcome.connected
        if let device = login.client.device {
            let unresolved = (try? service.store.unresolved(device)) ?? []
            let wasHere = service.sessions.attach(
                device, link, unresolved: Set(unresolved.map { .init(name: $0.name, timestamp: $0.timestamp) }))
            outcome.answers = [.connack(hasSession: wasHere && !connect.isClean, .accepted)]
            isStale = true
        }
        return outcome
    }

    /// A fault: does nothing for a while, unless the peer or the server goes.
    private func stall(_ duration: Duration) throws(MQTTEnd) {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            if let end = link.end { throw end }
            // POLLRDHUP of poll(2).
            var entry = pollfd(fd: transport.descriptor, events: 0x2000, revents: 0)
            if Glibc.poll(&entry, 1, 50) > 0 { throw .peerLeft }
        }
    }

    // MARK: Values on their way to the device

    /// Sends each resource that was set since the device reported it, once on a connection.
    private func deliver() throws(MQTTEnd) {
        guard isStale else { return }
        // Nobody to deliver to: what was written is no news to this connection, now or later.
        guard !isSilent, let device = client?.device else { return isStale = false }
        do {
            guard try service.store.hasDevice(device) else { throw MQTTEnd("the device was deleted", status: 401) }
            for (name, timestamp) in try service.store.unresolved(device) where delivered[name] != timestamp {
                guard outbox.count < MQTTConnection.outboxByteLimit else { return }
                guard let value = try service.store.setValue(device, name, at: timestamp),
                    let (id, isDuplicate) = service.sessions.identifier(
                        device, link, for: .init(name: name, timestamp: timestamp))
                else { continue }
                delivered[name] = timestamp
                let publish = MQTTPublish(
                    topic: "\(MQTTCalls.resourcePrefix)\(name)/\(timestamp)", payload: value, qos: 1, id: id,
                    isDuplicate: isDuplicate)
                try send(publish, to: device)
            }
        } catch let end as MQTTEnd {
            throw end
        } catch {
            throw MQTTEnd("\(error)", status: 500)
        }
        isStale = false
    }

    private func send(_ publish: MQTTPublish, to device: String) throws(MQTTEnd) {
        var bytes = MQTTPacket.publish(publish).bytes
        let fault = service.faults.takeForMQTT(.deliver, device: device)
        switch fault {
        case .slow(let seconds): try stall(.milliseconds(Int64(seconds * 1000)))
        case .silent:
            isSilent = true
            deadline = nil
            return
        case .garbage: bytes = Fault.Kind.garbagePacket
        case .cut(let count): bytes = Array(bytes.prefix(Int(clamping: count)))
        default: break
        }
        note("MQTT DELIVER", publish.topic, publish.isDuplicate ? 208 : 200, sent: bytes.count)
        outbox.append(bytes)
        if case .cut = fault { throw MQTTEnd("cut", status: 500) }
    }
}
