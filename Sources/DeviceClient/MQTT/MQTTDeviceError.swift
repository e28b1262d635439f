internal import GatewaySystem

extension DeviceClientError {
    /// An MQTT failure in the classes that HTTPS has.
    init(_ error: MQTTError, _ action: String) {
        switch error {
        case .failed(let error): self.init(error, action)
        case .refused(let code, _):
            switch code {
            case 2, 4, 5: self.init(.notAuthorised, action, error.reason)
            case 3:
                let transfer = TransferError(.connect, action, error.reason)
                self.init(.retryLater, action, error.reason, transfer: transfer)
            default: self.init(.permanent, action, error.reason)
            }
        }
    }
}

extension MQTTPortChoice.Event {
    init(_ error: MQTTError) {
        switch error {
        case .failed(let error): self = .failed(error.kind)
        case .refused: self = .answered
        }
    }
}
