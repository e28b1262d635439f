internal import GatewayModel
internal import DeviceClient
internal import Documents
internal import GatewaySystem
internal import Glibc

extension DoctorCheck {
    static let dns = DoctorCheck(id: "dns", subject: "the name of the cloud, or of the proxy", limit: .seconds(4)) {
        scene in
        guard let cloud = scene.cloudURL else { return .skipped("no cloud is configured") }
        let proxy = scene.proxy(for: cloud)
        let place = proxy?.address ?? cloud
        if place.isIPAddress { return .skipped("\(place.host) is an address") }
        if place.host == "localhost" { return .skipped("localhost needs no name server") }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(place.host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else {
            return .failed(
                "cannot resolve \(place.host): \(String(cString: gai_strerror(code)))",
                hint: "look at /etc/resolv.conf and whether its name servers are reachable")
        }
        let addresses = DoctorCheck.addresses(list)
        return .ok("\(place.host) is \(addresses.prefix(3).joined(separator: ", "))")
    }

    private static func addresses(_ list: UnsafeMutablePointer<addrinfo>?) -> [String] {
        var found: [String] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            var name = [CChar](repeating: 0, count: 256)
            guard getnameinfo(entry.ai_addr, entry.ai_addrlen, &name, 256, nil, 0, NI_NUMERICHOST) == 0 else {
                continue
            }
            let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if !found.contains(text) { found.append(text) }
        }
        return found
    }

    static let proxy = DoctorCheck(
        id: "proxy", subject: "the proxy of gateway.yaml or of the environment", limit: .seconds(4)
    ) {
        scene in
        guard let cloud = scene.cloudURL else { return .skipped("no cloud is configured") }
        if cloud.isLoopback { return .ok("none: loopback is never asked through a proxy") }
        guard let proxy = scene.proxy(for: cloud) else {
            return .ok(scene.configuration.proxy == nil ? "none" : "none for \(cloud.host)")
        }
        let hint = "change it with 'gwe config set proxy URL', or \(proxy.source) where gwe is started"
        guard let place = proxy.address else {
            return .failed("the proxy of \(proxy.source) is no URL", hint: hint)
        }
        let port = place.connectPort ?? 1080
        let words = "\(place.host):\(port) (\(proxy.source))"
        do throws(ProbeFailure) {
            try HealthProbe.tcp(host: place.host, port: port, timeout: .seconds(3))
            return .ok("\(words) accepts connections")
        } catch {
            return .failed("cannot connect to proxy \(words): \(error)", hint: hint)
        }
    }

    static let reachability = DoctorCheck(
        id: "reachability", subject: "whether the cloud itself answers, and no captive portal", needsCloud: true
    ) { scene in
        switch scene.cloud?.answer {
        case .time(_, let duration)?:
            return .ok("\(scene.configuration.cloud ?? "the cloud") answered in \(duration.secondsText)")
        case .none(let why)?: return .skipped(why)
        case .unanswered(let why)?:
            let hint = "look at the findings for dns and proxy, and at the route (ip route)"
            return .failed(why, hint: boundWayHint(scene) ?? hint)
        case .failed(let error)?:
            let hint = boundWayHint(scene) ?? DoctorCheck.hint(for: error)
            return .failed("\(error)", hint: hint)
        case nil: return .skipped("the cloud was not asked")
        }
    }

    /// Where `bind_interface` sends requests through an interface that does not exist or has no way out.
    private static func boundWayHint(_ scene: DoctorScene) -> String? {
        guard let name = scene.configuration.bindInterface else { return nil }
        let bound = "requests leave through \(name) only (bind_interface in gateway.yaml)"
        guard FileTree.exists("/sys/class/net/\(name)") else {
            return "\(bound), and this machine has no interface of that name"
        }
        guard !NetworkRoute.hasDefault(through: name) else { return nil }
        return
            "\(bound), and no default route goes that way (ip route): 'gwe config unset bind_interface' leaves the way "
            + "to the routes"
    }

    private static func hint(for error: DeviceClientError) -> String {
        switch error.kind {
        case .captivePortal: return "a captive portal or a proxy answers: log in there, or use another network"
        case .clock: return "set the clock; see the finding for clock"
        default: break
        }
        switch error.transfer?.kind {
        case .dns: return "see the finding for dns"
        case .connect, .timeout: return "look at cable, modem, route (ip route), firewall and proxy"
        case .tls, .expired: return "is the cloud's root trusted (ca_file), and does something in between open TLS?"
        case .refused: return "correct gateway.yaml ('gwe config show')"
        default: return "try again later; 'gwe status' tells when gwe does"
        }
    }
}

extension DoctorScene {
    /// Where the device API is; nil without a product, or a cloud that is no URL.
    var cloudURL: WebAddress? { configuration.cloud.flatMap { WebAddress($0, standardScheme: "https") } }

    func proxy(for cloud: WebAddress) -> TransferProxy? {
        TransferProxy.inForce(configuration.proxy, environment, for: cloud)
    }
}
