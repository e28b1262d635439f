internal import Glibc

/// The thread of one connection: connects, then moves bytes until the end.
final class MQTTWorker: Sendable {
    let configuration: MQTTConfiguration
    let handlers: MQTTConnection.Handlers
    let shared: MQTTShared
    let action: String

    init(_ configuration: MQTTConfiguration, _ handlers: MQTTConnection.Handlers, _ shared: MQTTShared) {
        self.configuration = configuration
        self.handlers = handlers
        self.shared = shared
        action = "connect to \(configuration.description)"
    }

    func run() {
        // Signals are for other threads; SIGPIPE of a connection that is gone ends here with this one.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        shared.state.update { $0.thread = pthread_self() }
        var end: MQTTError?
        do throws(MQTTError) {
            let session = try connected()
            let isWanted = shared.state.update { state in
                guard case .connecting = state.phase, !state.isClosing else { return false }
                state.phase = .connected
                return true
            }
            var link = session
            if isWanted {
                try link.serve()
            } else {
                link.end()
            }
        } catch {
            end = error
        }
        let loss: MQTTError? = shared.state.update { state in
            guard case .closed = state.phase else {
                var wasConnected = false
                if case .connected = state.phase { wasConnected = true }
                state.phase = .closed(state.isClosing ? nil : end)
                return wasConnected && !state.isClosing ? end : nil
            }
            return nil
        }
        if let loss { handlers.lost(loss) }
        shared.state.update { state in
            state.thread = nil
            state.isOver = true
        }
    }

    /// Tries one address after the other, each with its share of the time.
    private func connected() throws(MQTTError) -> MQTTLink {
        let deadline = MonotonicTime.now + configuration.connectTimeout
        // What is wrong here is known before the name is looked up.
        var session: MQTTSession? = try MQTTSession(configuration, action: action)
        let addresses = try MQTTAddresses(configuration.host, action: action)
        var last = MQTTError(.connect, action, "there is no address to connect to")
        for (index, address) in addresses.list.enumerated() {
            guard !shared.isClosing else { throw MQTTError(.cancelled, action, "it was closed") }
            do throws(MQTTError) {
                guard configuration.usesTLS || address.isLoopback else {
                    throw MQTTError(.refused, action, "plain mqtt is for loopback only; use mqtts")
                }
                let binding = try MQTTAddresses.binding(configuration.transfer.interface, for: address, action: action)
                let left = MonotonicTime.now.duration(to: deadline)
                let share = left / (addresses.list.count - index)
                let current: MQTTSession
                if let first = session {
                    current = first
                } else {
                    current = try MQTTSession(configuration, action: action)
                }
                session = nil
                try current.connect(to: address.text, by: binding)
                var link = MQTTLink(self, current)
                try link.open(connectWithin: share, answerBefore: deadline)
                return link
            } catch {
                last = error
                guard MQTTWorker.mayHelp(error) else { throw error }
            }
        }
        throw last
    }

    /// Whether another address of the same host may do better.
    private static func mayHelp(_ error: MQTTError) -> Bool {
        guard case .failed(let error) = error else { return false }
        return error.kind == .connect || error.kind == .timeout || error.kind == .cut
    }
}
