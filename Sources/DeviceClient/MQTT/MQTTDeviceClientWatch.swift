public import GatewaySystem

extension MQTTDeviceClient {
    /// Keeps a connection until `close` is called, and connects again after each loss. Blocks; meant for a thread of its
    /// own, which sleeps while the connection stands.
    ///
    /// The handler hears of every value that the cloud sets, and after each connect of those that it missed, so that
    /// nothing is lost in between.
    ///
    /// - Parameters:
    ///   - changed: told nil when a connection stands, and otherwise what is wrong.
    ///   - pause: how long to wait after a failure before trying again; nil gives up. `attempt` counts failures in a row
    ///     from 1, and begins anew after a connection that stood. The error's own `retryAfter`, where it has one, is the
    ///     least that is waited.
    public func stayConnected(
        changed: (DeviceClientError?) -> Void = { _ in },
        pause: (_ error: DeviceClientError, _ attempt: Int) -> Duration?
    ) {
        var attempt = 0
        while !state.look(\.isClosed) {
            let failure: DeviceClientError
            do throws(DeviceClientError) {
                try connect()
                attempt = 0
                changed(nil)
                guard let loss = waitForLoss() else { return }
                failure = loss
            } catch {
                failure = error
            }
            guard !state.look(\.isClosed) else { return }
            attempt += 1
            changed(failure)
            guard let length = pause(failure, attempt) else { return }
            let least = failure.retryAfter ?? .zero
            if state.wait(atMost: max(length, least), for: { $0.isClosed ? true : nil }) != nil { return }
        }
    }

    /// Waits until the connection is lost, and tells why; nil after `close`, and when the time is over first.
    public func waitForLoss(until end: MonotonicTime? = nil) -> DeviceClientError? {
        func take(_ state: inout State) -> DeviceClientError?? {
            if state.isClosed { return .some(nil) }
            guard let loss = state.loss else { return nil }
            state.loss = nil
            return .some(loss)
        }
        guard let end else { return state.wait(for: take) }
        return state.wait(atMost: MonotonicTime.now.duration(to: end), for: take) ?? nil
    }
}
