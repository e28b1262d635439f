public import GatewayModel
public import GatewaySystem

/// Who this gateway is to the cloud: the serial number with which it is activated.
///
/// Worked out anew at every start and never written back. Gateway Engine copied the interface's MAC into its
/// configuration, and the copy won when the interface was changed later.
public struct Identity: Sendable, Hashable {
    /// The name under which the cloud's product knows the gateway: a serial number, or a MAC address in upper case.
    public var text: String
    /// Where it was configured.
    public var origin: Origin
    /// What an operator should know of it, in words.
    public var warning: String?

    /// `identity` as it is written, or the MAC address of `interface` in upper case with colons.
    public static func resolve(
        _ configuration: GatewayConfiguration, interfaces: NetworkInterfaces = NetworkInterfaces()
    ) throws(IdentityError) -> Identity {
        if let identity = configuration.settings[.identity] {
            return Identity(text: identity.value, origin: identity.origin, warning: nil)
        }
        guard let interface = configuration.settings[.interface] else { throw .notSet }
        let name = interface.value
        let names = interfaces.names
        guard names.contains(name) else {
            throw .noSuchInterface(name: name, existing: names, origin: interface.origin)
        }
        guard let address = interfaces.hardwareAddress(of: name) else {
            let others = names.filter { interfaces.hardwareAddress(of: $0) != nil }
            throw .noHardwareAddress(name: name, others: others, origin: interface.origin)
        }
        let warning =
            interfaces.hasRandomAddress(name)
            ? "the address of \(name) is random and may differ after the next boot; set identity instead" : nil
        return Identity(text: address, origin: interface.origin, warning: warning)
    }
}

/// There is no identity. A problem of configuration (sysexits.h: 78), which waiting does not mend.
public enum IdentityError: Error, Sendable, Hashable, CustomStringConvertible {
    /// gateway.yaml has neither `identity` nor `interface`.
    case notSet
    /// `interface` names none that the kernel has; with the names of those that it has.
    case noSuchInterface(name: String, existing: [String], origin: Origin)
    /// `interface` names one without a MAC address; with the names of those that have one.
    case noHardwareAddress(name: String, others: [String], origin: Origin)

    /// `cannot tell the gateway's identity: …` and what to do about it, one line for people.
    public var description: String {
        switch self {
        case .notSet:
            "cannot tell the gateway's identity: neither identity nor interface is set; "
                + "run 'gwe config set identity SERIAL' or 'gwe config set interface eth0'"
        case .noSuchInterface(let name, let existing, let origin):
            "cannot tell the gateway's identity: there is no network interface '\(name)' (\(origin)); "
                + (existing.isEmpty ? "there is none at all" : "there are \(existing.joined(separator: ", "))")
        case .noHardwareAddress(let name, let others, let origin):
            "cannot tell the gateway's identity: the network interface '\(name)' has no hardware address (\(origin)); "
                + (others.isEmpty ? "no other has one: set identity" : "these have: \(others.joined(separator: ", "))")
        }
    }
}
