internal import GatewaySystem
internal import Glibc

/// What all MQTT connections share.
struct MQTTService: Sendable {
    let store: SandboxStore
    let log: RequestLog
    let faults: Faults
    let calls: MQTTCalls
    let sessions = MQTTSessions()

    init(store: SandboxStore, changes: ChangeSignal, log: RequestLog, faults: Faults) {
        self.store = store
        self.log = log
        self.faults = faults
        calls = MQTTCalls(store: store, changes: changes)
    }

    func note(_ method: String, _ path: String, _ status: Int, device: String?, received: Int, sent: Int) {
        log.add(
            SandboxRequest(
                id: 0, time: store.now(), device: device, method: method, path: path, status: status,
                requestByteCount: Int64(received), sentByteCount: Int64(sent), range: nil))
    }
}

/// Murano's MQTT side: MQTT 3.1.1, QoS 0 and 1. It translates between devices and the store, and is no broker: what one
/// device publishes no other one hears.
///
/// Each connection has its own thread, and one more accepts them.
final class MQTTServer: Sendable {
    /// The port that it got.
    let port: UInt16
    private let listener: MQTTListener
    private let service: MQTTService
    private let tls: MQTTTLS?
    private let waker: MQTTWaker
    private let state = Monitor(State())

    private struct State: Sendable {
        var links: [Int32: MQTTLink] = [:]
        var isAccepting = true
        var isStopping = false
    }

    private static let connectionLimit = 1000

    /// Listens; connections are served when this returns.
    init(_ service: MQTTService, _ address: SandboxAddress, tls: MQTTTLS?) throws {
        listener = try MQTTListener(address)
        port = listener.port
        self.service = service
        self.tls = tls
        waker = try MQTTWaker()
        try BackgroundThread("mqtt-accept") { [self] in accept() }.detach()
    }

    /// Something may have to be delivered.
    func wake() { for link in state.look({ Array($0.links.values) }) { link.waker.wake() } }

    /// Ends all connections and waits for their threads.
    func stop() {
        let links = state.update { state in
            state.isStopping = true
            return Array(state.links.values)
        }
        for link in links { link.end(.stopped) }
        waker.wake()
        _ = state.wait { $0.links.isEmpty && !$0.isAccepting ? true : nil }
        listener.close()
    }

    private func accept() {
        MQTTServer.blockSignals()
        var entries = [listener.descriptor, waker.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while !state.look({ $0.isStopping }) {
            _ = poll(&entries, nfds_t(entries.count), -1)
            guard entries[0].revents != 0, let descriptor = listener.accept() else { continue }
            do { try serve(descriptor) } catch { close(descriptor) }
        }
        state.update { $0.isAccepting = false }
    }

    private func serve(_ descriptor: Int32) throws {
        let link = MQTTLink(waker: try MQTTWaker())
        let isTaken = state.update { state in
            guard !state.isStopping, state.links.count < MQTTServer.connectionLimit else { return false }
            state.links[descriptor] = link
            return true
        }
        guard isTaken else { throw SystemError("serve another connection", code: EAGAIN) }
        do {
            let thread = try BackgroundThread("mqtt") { [self] in
                MQTTServer.blockSignals()
                let transport = MQTTTransport(descriptor: descriptor, tls: tls)
                MQTTConnection(service: service, transport: transport, link: link).run()
                // Before the descriptor is closed and its number given to another.
                state.update { $0.links[descriptor] = nil }
                withExtendedLifetime(transport) {}
            }
            thread.detach()
        } catch {
            state.update { $0.links[descriptor] = nil }
            throw error
        }
    }

    /// Signals go to the threads that expect them.
    private static func blockSignals() {
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_SETMASK, &signals, nil)
    }
}
