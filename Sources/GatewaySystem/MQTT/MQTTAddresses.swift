internal import Documents
internal import Glibc

/// The addresses of an MQTT server, in the order to try them, and what to connect from.
struct MQTTAddresses {
    struct Address {
        /// Numeric.
        var text: String
        var family: Int32
        var isLoopback: Bool
    }

    var list: [Address]

    /// Looks a name up (getaddrinfo(3)); that may take as long as the resolver's configuration permits.
    init(_ host: String, action: String) throws(MQTTError) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var found: UnsafeMutablePointer<addrinfo>?
        var code = getaddrinfo(host, nil, &hints, &found)
        if code == EAI_NONAME || code == EAI_ADDRFAMILY_ {
            // Loopback alone does not count as a configured family.
            hints.ai_flags = 0
            code = getaddrinfo(host, nil, &hints, &found)
        }
        guard code == 0 else {
            throw MQTTError(.dns, action, String(cString: gai_strerror(code)).lowercasedFirst, code: code)
        }
        defer { freeaddrinfo(found) }
        list = []
        var next = found
        while let entry = next?.pointee {
            next = entry.ai_next
            guard entry.ai_family == AF_INET || entry.ai_family == AF_INET6, let raw = entry.ai_addr else { continue }
            var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard
                getnameinfo(raw, entry.ai_addrlen, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) == 0
            else { continue }
            let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            list.append(
                Address(text: text, family: entry.ai_family, isLoopback: WebAddress.isLoopback(host: text)))
        }
        guard !list.isEmpty else { throw MQTTError(.dns, action, "the name has no address") }
    }

    /// An interface and its address of the family that is to be connected to. nil where nothing is to be bound: loopback
    /// never is.
    static func binding(
        _ interface: String?, for address: Address, action: String
    ) throws(MQTTError) -> (interface: String, source: String)? {
        guard let interface, !address.isLoopback else { return nil }
        let all: [NetworkInterfaces.Addresses]
        do throws(SystemError) { all = try NetworkInterfaces.addresses() } catch {
            throw MQTTError(.connect, action, error.description)
        }
        guard let own = all.first(where: { $0.name == interface }) else {
            throw MQTTError(.connect, action, "there is no interface \(interface)")
        }
        let isIPv6 = address.family == AF_INET6
        guard let text = own.addresses.first(where: { $0.contains(":") == isIPv6 }) else {
            throw MQTTError(.connect, action, "interface \(interface) has no \(isIPv6 ? "IPv6" : "IPv4") address")
        }
        return (interface, text)
    }
}

/// EAI_ADDRFAMILY of <netdb.h>, which needs _GNU_SOURCE.
private let EAI_ADDRFAMILY_: Int32 = -9
