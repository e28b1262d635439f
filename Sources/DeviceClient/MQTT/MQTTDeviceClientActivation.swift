internal import GatewaySystem

extension MQTTDeviceClient {
    /// Activates this device and keeps its token durably before this returns. What it replaces stays as the previous
    /// generation.
    @discardableResult
    public func activate() throws(DeviceClientError) -> DeviceToken {
        guard configuration.device.mayActivate else {
            let action = "activate device \(configuration.device.identity)"
            throw DeviceClientError(.notActivated, action, "activating is not permitted in this run")
        }
        let token = try requestToken()
        do throws(SystemError) { try tokens.save(token) } catch { throw DeviceClientError(error, "keep the token") }
        state.update { $0.token = token }
        return token
    }

    /// Asks for a token, which the cloud gives out once, and stores nothing. Ends a connection that there is.
    ///
    /// The cloud says no by ending the connection, as a broken network does: only when it has done so twice it is taken
    /// for a refusal.
    public func requestToken() throws(DeviceClientError) -> DeviceToken {
        let action = configuration.device.activationAction
        for _ in 0..<2 {
            if let token = try askForToken(action) { return token }
        }
        let reason =
            "the cloud ends the connection: it has no such device, or it has given its token out once; add the device "
            + "or enable its activation again in the cloud, or put its token back ('gwe config set token -')"
        throw DeviceClientError(.alreadyActivated, action, reason)
    }

    private enum Answer {
        case token(DeviceToken), other
        case lost(MQTTError)
    }

    /// nil when the cloud has ended the connection instead.
    private func askForToken(_ action: String) throws(DeviceClientError) -> DeviceToken? {
        let identity = configuration.device.identity
        state.look(\.connection)?.close()
        let answer = Monitor<Answer?>(nil)
        // Nobody is logged in: no user name, no password.
        let connection = try connection(
            as: nil, action, .activate, ["provision/activate"],
            received: { message in
                guard message.topic.hasPrefix("$provision") else { return }
                let text = String(decoding: message.payload, as: UTF8.self)
                let token = DeviceToken(text.filter { !$0.isWhitespace })
                answer.update { answer in answer = token.map { .token($0) } ?? .other }
            },
            lost: { error in
                // What was there before counts.
                answer.update { answer in if answer == nil { answer = .lost(error) } }
            })
        defer { connection.close() }
        let timeout = configuration.device.timeout
        var failure: MQTTError?
        do throws(MQTTError) {
            try connection.publish(MQTTMessage(MQTTTopic.provision(identity)), timeout: timeout)
        } catch {
            failure = error
        }
        let limit: Duration = failure == nil ? timeout : .seconds(1)
        switch answer.wait(atMost: limit, for: { $0 }) {
        case .token(let token): return token
        case .other: throw DeviceClientError(.captivePortal, action, "the answer is no token")
        case .lost(let error): failure = error
        case nil: failure = failure ?? MQTTError.failed(TransferError(.timeout, action, "no token came"))
        }
        if case .failed(let error)? = failure, error.kind == .cut { return nil }
        throw failure.map { DeviceClientError($0, action) }
            ?? DeviceClientError(.retryLater, action, "no token came")
    }

    func storedToken(_ action: String) throws(DeviceClientError) -> DeviceToken? {
        do throws(SystemError) {
            return try tokens.load(repairing: configuration.device.mayActivate)?.token
        } catch {
            throw DeviceClientError(error, action)
        }
    }

    func currentToken(_ action: String) throws(DeviceClientError) -> (DeviceToken, isFresh: Bool) {
        if let token = state.look(\.token) { return (token, false) }
        if let stored = try storedToken(action) {
            state.update { $0.token = stored }
            return (stored, false)
        }
        guard configuration.device.mayActivate else {
            throw DeviceClientError(.notActivated, action, "this device is not activated")
        }
        return (try activate(), true)
    }
}
