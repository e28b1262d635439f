/// What ends an MQTT connection or a call on it. Reads "cannot connect to mqtts://host:8883: …"; holds no credential.
public enum MQTTError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The network, TLS, the clock, or a request that is not acceptable: the kinds are those of HTTPS.
    case failed(TransferError)
    /// The server's refusal: the return code of its CONNACK (MQTT 3.1.1, table 3.1). 4 and 5 say that it does not accept
    /// who this is.
    case refused(code: Int, action: String)

    init(_ kind: TransferError.Kind, _ action: String, _ reason: String, code: Int32 = 0) {
        self = .failed(TransferError(kind, action, reason, code: code))
    }

    /// What was tried and on what: "connect to mqtts://host:8883".
    public var action: String {
        switch self {
        case .failed(let error): error.action
        case .refused(_, let action): action
        }
    }

    /// Why it failed, in words; with the return code, where the server refuses.
    public var reason: String {
        switch self {
        case .failed(let error): error.reason
        case .refused(let code, _): "the server refuses the connection: \(MQTTError.words(code)) (\(code))"
        }
    }

    /// "cannot", the action, a colon and the reason.
    public var description: String {
        switch self {
        case .failed(let error): error.description
        case .refused: "cannot \(action): \(reason)"
        }
    }

    private static func words(_ code: Int) -> String {
        switch code {
        case 1: "it does not speak MQTT 3.1.1"
        case 2: "it does not accept the client identifier"
        case 3: "it is not available"
        case 4: "wrong user name or password"
        case 5: "not authorised"
        default: "for a reason that MQTT 3.1.1 does not know"
        }
    }
}
