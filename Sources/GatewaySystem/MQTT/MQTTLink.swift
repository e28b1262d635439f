internal import Glibc

/// A session and its socket: waits for one or the other to have something to do. Used by the connection's thread.
struct MQTTLink {
    private let worker: MQTTWorker
    private let session: MQTTSession
    private let wire: MQTTWireHolder
    private let keepAlive: Duration
    private var lastSent = MonotonicTime.now
    private var lastReceived = MonotonicTime.now
    /// After a keepalive that libmosquitto found too early.
    private var retry: MonotonicTime?
    /// What was received when a packet last ended: the bytes since then are held in memory.
    private var receivedAtPacket: Int64 = 0
    private var waiting: [Int32: (ticket: UInt64, isAwaited: Bool)] = [:]
    private var isAnswered = false
    /// A CONNACK has 4 bytes; before it come the TLS handshake's certificates, up to 100 KiB by OpenSSL's own limit.
    static let answerByteLimit: Int64 = 256 << 10

    private var shared: MQTTShared { worker.shared }
    private var action: String { isAnswered ? "stay connected to \(worker.configuration.description)" : worker.action }

    init(_ worker: MQTTWorker, _ session: MQTTSession) {
        self.worker = worker
        self.session = session
        keepAlive = worker.configuration.keepAlive
        let descriptor = session.descriptor
        // libmosquitto leaves its socket open across exec.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        wire = MQTTWireHolder(descriptor)
        // What is sent and not acknowledged for so long says that the peer is gone (tcp(7), RFC 5482).
        var limit: UInt32 = 90_000
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &limit, socklen_t(MemoryLayout<UInt32>.size))
    }

    // MARK: Connecting

    /// Waits for TCP, TLS and the server's consent.
    mutating func open(connectWithin share: Duration, answerBefore deadline: MonotonicTime) throws(MQTTError) {
        defer { count() }
        let connectDeadline = min(MonotonicTime.now + share, deadline)
        var isOpen = false
        while true {
            guard session.descriptor >= 0 else { throw MQTTError(.cut, action, "the server ended the connection") }
            if !isOpen, hasPeer {
                isOpen = true
                wire.findInterface()
            }
            let ready = wait(until: isOpen ? deadline : connectDeadline)
            guard !shared.isClosing else { throw MQTTError(.cancelled, action, "it was closed") }
            guard let ready else {
                throw MQTTError(
                    isOpen ? .timeout : .connect, action,
                    isOpen ? "the server does not answer" : "no answer to the connection attempt")
            }
            guard ready != 0 else { continue }
            try checkSocket(isOpen: isOpen)
            try session.read()
            if session.descriptor >= 0, !session.isHandshaking { try session.write() }
            let events = take()
            for (index, event) in events.enumerated() {
                guard case .answered(let code) = event else { continue }
                guard code == 0 else { throw .refused(code: code, action: action) }
                isAnswered = true
                // What came with it: values that were set while nobody was here.
                session.events = Array(events[(index + 1)...])
                return
            }
            count()
            // libmosquitto makes room for whatever length a packet claims; what comes is held until its end.
            guard wire.last.receivedByteCount <= MQTTLink.answerByteLimit else {
                throw MQTTError(
                    .tooLarge, action, "the server sends over \(MQTTLink.answerByteLimit) bytes before it answers")
            }
        }
    }

    /// Whether TCP is connected (connect(2), EINPROGRESS).
    private var hasPeer: Bool {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(session.descriptor, $0, &length) == 0 }
        }
    }

    /// libmosquitto would not notice a peer that goes away during the handshake.
    private func checkSocket(isOpen: Bool) throws(MQTTError) {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(session.descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard isOpen || hasPeer else {
            // OpenSSL may have taken the reason away.
            guard code != 0 else { throw MQTTError(.connect, action, "the host refuses the connection, or ended it") }
            throw MQTTError(.connect, action, SystemError.words(code), code: code)
        }
        guard code == 0 else { throw MQTTError(.cut, action, SystemError.words(code) + cutHint, code: code) }
        var byte: UInt8 = 0
        let peek = recv(session.descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        if peek == 0 { throw MQTTError(.cut, action, "the server ended the connection before it answered" + cutHint) }
    }

    /// A server of TLS 1.3 refuses a client only after the client has taken the handshake for done (RFC 8446, 4.4.2.4).
    private var cutHint: String {
        let configuration = worker.configuration
        let isLikely =
            configuration.usesTLS && configuration.transfer.clientCertificate == nil && !session.isHandshaking
        return isLikely ? "; does it want a client certificate?" : ""
    }

    // MARK: Connected

    /// Moves messages until the end. Throws what ended it; returns after `close`.
    mutating func serve() throws(MQTTError) {
        defer { count() }
        deliver()
        while true {
            try start()
            guard !shared.isClosing else {
                finish()
                return
            }
            guard session.descriptor >= 0 else { throw MQTTError(.cut, action, "the server ended the connection") }
            let due = keepAlive == .zero ? nil : retry ?? min(lastSent, lastReceived) + keepAlive + .seconds(1)
            let ready = wait(until: due)
            if let ready, ready != 0 {
                try session.read()
                if session.descriptor >= 0 { try session.write() }
            } else if ready == nil {
                try session.keepAlive()
                let before = wire.last.sentByteCount
                count()
                retry = wire.last.sentByteCount == before ? MonotonicTime.now + .seconds(1) : nil
                receivedAtPacket = wire.last.receivedByteCount
            }
            count()
            if !session.events.isEmpty { receivedAtPacket = wire.last.receivedByteCount }
            guard wire.last.receivedByteCount - receivedAtPacket < Int64(2 * MQTTMessage.byteLimit) else {
                throw MQTTError(.tooLarge, action, "the server sends a packet of over \(MQTTMessage.byteLimit) bytes")
            }
            deliver()
        }
    }

    /// For a connection that nobody wants any more.
    mutating func end() {
        finish()
        count()
    }

    private func finish() {
        session.disconnect()
        let deadline = MonotonicTime.now + .seconds(1)
        while session.descriptor >= 0, session.wantsWrite, let ready = wait(until: deadline, isReading: false) {
            if ready != 0, (try? session.write()) == nil { return }
        }
    }

    /// Hands what callers want over to libmosquitto.
    private mutating func start() throws(MQTTError) {
        let commands = shared.state.look(\.commands)
        guard !commands.isEmpty else { return }
        shared.state.update { $0.commands.removeFirst(commands.count) }
        for command in commands {
            do throws(MQTTError) {
                let identifier =
                    switch command.work {
                    case .publish(let message): try session.publish(message)
                    case .subscribe(let filter, let quality): try session.subscribe(filter, quality)
                    }
                waiting[identifier] = (command.ticket, command.isAwaited)
            } catch {
                resolve(command.ticket, command.isAwaited, .failure(error))
            }
        }
        count()
        deliver()
    }

    private func resolve(_ ticket: UInt64, _ isAwaited: Bool, _ result: Result<Void, MQTTError>) {
        guard isAwaited else { return }
        shared.state.update { state in
            // Nobody would take what comes after its time.
            if state.awaited.contains(ticket) { state.results[ticket] = result }
        }
    }

    private mutating func deliver() {
        for event in take() {
            switch event {
            case .answered: break
            case .published(let identifier):
                if let entry = waiting.removeValue(forKey: identifier) {
                    resolve(entry.ticket, entry.isAwaited, .success(()))
                }
            case .subscribed(let identifier, let isGranted):
                guard let entry = waiting.removeValue(forKey: identifier) else { continue }
                let refusal = MQTTError(.refused, "subscribe", "the server does not permit it")
                resolve(entry.ticket, entry.isAwaited, isGranted ? .success(()) : .failure(refusal))
            case .message(let message):
                if !shared.isClosing { worker.handlers.received(message) }
            case .tooLarge(let topic, let byteCount):
                if !shared.isClosing { worker.handlers.dropped(topic, byteCount) }
            }
        }
    }

    private func take() -> [MQTTEvent] {
        defer { session.events = [] }
        return session.events
    }

    // MARK: Waiting

    /// Sleeps until the socket is ready (its events), somebody has called (0), or the time has come (nil).
    ///
    /// - Parameter isReading: what was received and not read yet counts as ready.
    private func wait(until deadline: MonotonicTime?, isReading: Bool = true) -> Int16? {
        guard !isReading || !session.hasPending else { return Int16(POLLIN) }
        var entries = [
            pollfd(
                fd: session.descriptor, events: Int16(POLLIN) | (session.wantsWrite ? Int16(POLLOUT) : 0), revents: 0),
            pollfd(fd: shared.wakeUp, events: Int16(POLLIN), revents: 0),
        ]
        var timeout: Int32 = -1
        if let deadline {
            let left = MonotonicTime.now.duration(to: deadline)
            guard left > .zero else { return nil }
            let (seconds, attoseconds) = left.components
            timeout = Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
        }
        guard poll(&entries, 2, timeout) > 0 else { return errno == EINTR && deadline == nil ? 0 : nil }
        if entries[1].revents != 0 { shared.forgetWakeUps() }
        return entries[0].revents
    }

    private mutating func count() {
        let before = wire.last
        wire.read()
        let now = wire.last
        guard now != before else { return }
        if now.sentByteCount != before.sentByteCount {
            lastSent = .now
            retry = nil
        }
        if now.receivedByteCount != before.receivedByteCount { lastReceived = .now }
        let interface = wire.interface
        shared.state.update { state in
            state.wire = now
            state.interface = interface
        }
        worker.handlers.moved(now, interface)
    }
}

/// The reader and what it last said.
final class MQTTWireHolder {
    private var reader: MQTTWireReader
    private(set) var last = MQTTWireCount()

    init(_ socket: Int32) { reader = MQTTWireReader(socket) }

    var interface: String { reader.interface }
    func read() { last = reader.count() }
    func findInterface() { reader.findInterface() }
}
