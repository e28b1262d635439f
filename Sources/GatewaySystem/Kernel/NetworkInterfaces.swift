internal import Glibc

/// The network interfaces of this machine: sysfs for names and hardware addresses, getifaddrs(3) for IP addresses.
public struct NetworkInterfaces: Sendable {
    /// Normally `/sys/class/net` (Documentation/ABI/testing/sysfs-class-net).
    public var folder: String

    /// Reads nothing yet.
    /// - Parameter folder: another one for tests.
    public init(folder: String = "/sys/class/net") { self.folder = folder }

    /// In the order of their bytes. Files beside the interfaces, such as `bonding_masters`, are left out.
    public var names: [String] {
        KernelInfo.names(in: folder).filter { KernelInfo.line(of: "\(folder)/\($0)/ifindex") != nil }
    }

    /// The hardware address in upper case: `02:42:AC:11:00:02`. Nil where the interface has none, as ppp0 has none,
    /// or only zeros, as lo has.
    public func hardwareAddress(of name: String) -> String? {
        guard let text = KernelInfo.line(of: "\(folder)/\(name)/address")?.uppercased(), !text.isEmpty,
            text.utf8.contains(where: { $0 != UInt8(ascii: "0") && $0 != UInt8(ascii: ":") })
        else { return nil }
        return text
    }

    /// Whether the driver drew the hardware address at random, so that it may differ after the next boot
    /// (`addr_assign_type` is NET_ADDR_RANDOM).
    public func hasRandomAddress(_ name: String) -> Bool {
        KernelInfo.line(of: "\(folder)/\(name)/addr_assign_type") == "1"
    }

    /// The IP addresses of one interface; empty where it has none.
    public struct Addresses: Sendable, Hashable {
        /// The interface's name: `eth0`.
        public var name: String
        /// Whether it leads to this machine only (IFF_LOOPBACK).
        public var isLoopback: Bool
        /// IPv4 first, then IPv6 without link-local addresses; text of inet_ntop(3).
        public var addresses: [String]

        /// An interface as getifaddrs(3) would tell it; nothing is looked up.
        public init(name: String, isLoopback: Bool, addresses: [String]) {
            self.name = name
            self.isLoopback = isLoopback
            self.addresses = addresses
        }
    }

    /// All interfaces of this process's network namespace, those with addresses first, then by their index.
    public static func addresses() throws(SystemError) -> [Addresses] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { throw .last("list network interfaces") }
        defer { freeifaddrs(list) }
        var found: [Addresses] = []
        var entry = list
        while let current = entry?.pointee {
            entry = current.ifa_next
            guard let rawName = current.ifa_name else { continue }
            let name = String(cString: rawName)
            let isLoopback = current.ifa_flags & UInt32(IFF_LOOPBACK) != 0
            let index =
                found.firstIndex { $0.name == name }
                ?? {
                    found.append(Addresses(name: name, isLoopback: isLoopback, addresses: []))
                    return found.count - 1
                }()
            if let address = current.ifa_addr, let text = text(of: address) { found[index].addresses.append(text) }
        }
        // Not sort(by:), which does not promise to keep the order of equals.
        for index in found.indices {
            let all = found[index].addresses
            found[index].addresses = all.filter { !$0.contains(":") } + all.filter { $0.contains(":") }
        }
        return found.filter { !$0.addresses.isEmpty } + found.filter { $0.addresses.isEmpty }
    }

    /// The text of an IPv4 or IPv6 address; nil for link-local ones (fe80::/10) and other families. Reads by offset
    /// (ip(7), ipv6(7)), because the C modules of this target quarrel over who owns `sockaddr`.
    private static func text(of address: UnsafeMutablePointer<sockaddr>) -> String? {
        let bytes = UnsafeRawPointer(address)
        let family = Int32(bytes.load(as: sa_family_t.self))
        let host: UnsafeRawPointer
        switch family {
        case AF_INET: host = bytes + 4
        case AF_INET6:
            host = bytes + 8
            if host.load(as: UInt8.self) == 0xFE, host.load(fromByteOffset: 1, as: UInt8.self) & 0xC0 == 0x80 {
                return nil
            }
        default: return nil
        }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family, host, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
