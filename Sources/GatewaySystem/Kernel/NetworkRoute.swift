internal import Documents
internal import Glibc

/// Which network interface the kernel would send to an address over.
public enum NetworkRoute {
    /// Asks the resolver for the URL's host and the kernel for the route; sends no packet to the host: connecting a UDP
    /// socket only chooses the source address (udp(7), connect(2)). nil without a name, a route, or an interface that has
    /// that source address.
    public static func interface(toward url: String) -> String? {
        guard let host = WebAddress(url, standardScheme: "http")?.host else { return nil }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // Any port: nothing is sent.
        guard getaddrinfo(host, "443", &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var entry = list
        while let current = entry?.pointee {
            entry = current.ai_next
            guard let address = current.ai_addr else { continue }
            if let source = source(toward: address, current.ai_addrlen), let name = owner(of: source) { return name }
        }
        return nil
    }

    /// Whether a default route goes through an interface: a line of /proc/net/route or /proc/net/ipv6_route with an empty
    /// mask (Linux, net/ipv4/fib_trie.c and net/ipv6/route.c). True where neither can be read.
    public static func hasDefault(through interface: String) -> Bool {
        func lines(_ path: String) -> [[Substring]]? {
            (try? AtomicFile.read(path, limit: 4 << 20)).map { bytes in
                String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { line in
                    line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                }
            }
        }
        let four = lines("/proc/net/route")
        let six = lines("/proc/net/ipv6_route")
        guard four != nil || six != nil else { return true }
        let zero = String(repeating: "0", count: 8)
        if four?.contains(where: { $0.count > 7 && $0[0] == interface && $0[1] == zero && $0[7] == zero }) == true {
            return true
        }
        return six?.contains { $0.count > 9 && $0[9] == interface && $0[1] == "00" && $0[0].allSatisfy { $0 == "0" } }
            == true
    }

    /// The address that the kernel would send from: 4 or 16 bytes.
    private static func source(toward address: UnsafeMutablePointer<sockaddr>, _ length: socklen_t) -> [UInt8]? {
        let family = Int32(UnsafeRawPointer(address).load(as: sa_family_t.self))
        let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard connect(descriptor, address, length) == 0 else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var size = socklen_t(buffer.count)
            let own = base.assumingMemoryBound(to: sockaddr.self)
            return getsockname(descriptor, own, &size) == 0 ? bytes(of: own) : nil
        }
    }

    private static func owner(of source: [UInt8]) -> String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var loopback: String?
        var entry = list
        while let current = entry?.pointee {
            entry = current.ifa_next
            guard let name = current.ifa_name else { continue }
            if current.ifa_flags & UInt32(IFF_LOOPBACK) != 0 { loopback = String(cString: name) }
            if let address = current.ifa_addr, bytes(of: address) == source { return String(cString: name) }
        }
        // All of 127.0.0.0/8 is the loopback interface's, which lists one address.
        return source.count == 4 && source[0] == 127 ? loopback : nil
    }

    /// By offset (ip(7), ipv6(7)), as `NetworkInterfaces` reads them.
    private static func bytes(of address: UnsafeMutablePointer<sockaddr>) -> [UInt8]? {
        let raw = UnsafeRawPointer(address)
        switch Int32(raw.load(as: sa_family_t.self)) {
        case AF_INET: return Array(UnsafeRawBufferPointer(start: raw + 4, count: 4))
        case AF_INET6: return Array(UnsafeRawBufferPointer(start: raw + 8, count: 16))
        default: return nil
        }
    }
}
