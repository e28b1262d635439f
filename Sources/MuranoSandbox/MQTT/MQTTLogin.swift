/// Who a connection is.
enum MQTTClient: Hashable {
    /// May ask for its token and do nothing else.
    case anonymous
    case device(String)

    var device: String? { if case .device(let id) = self { id } else { nil } }
}

/// The three ways in: a token with an empty user name, an identity with its password, a TLS client certificate. Without
/// any of them a client is anonymous.
struct MQTTLogin {
    let store: SandboxStore
    /// The common name of a verified client certificate.
    var certificateName: String?

    /// Who a CONNECT makes of a client; with any other code than `.accepted` nobody.
    ///
    /// A client identifier other than the device's identity is refused with 2, credentials that are not right with 4,
    /// and with 5 a certificate for a device that was never added, or one beside credentials of another device. An
    /// empty client identifier without a clean session is refused with 2 (section 3.1.3.1), although the flag has no
    /// meaning here.
    func client(_ connect: MQTTConnect) throws -> (client: MQTTClient, code: MQTTConnectCode) {
        guard !connect.clientID.isEmpty || connect.isClean else { return (.anonymous, .badClientID) }
        let username = connect.username ?? ""
        let password = connect.password ?? []
        var device: String?
        if !username.isEmpty || !password.isEmpty {
            if username.isEmpty {
                device = try store.device(token: String(decoding: password, as: UTF8.self))
            } else if try store.hasDevice(username, password: password) {
                device = username
            }
            guard device != nil else { return (.anonymous, .badCredentials) }
        }
        if let certificateName {
            guard try store.hasDevice(certificateName), device == nil || device == certificateName else {
                return (.anonymous, .notAuthorised)
            }
            device = certificateName
        }
        guard let device else { return (.anonymous, .accepted) }
        guard connect.clientID.isEmpty || connect.clientID == device else { return (.device(device), .badClientID) }
        return (.device(device), .accepted)
    }
}
