public import Documents

extension HealthCheck {
    /// Reads what `canonicalJSON` wrote, from a service file or the record of a process; nil when it is anything else.
    public init?(json: JSONValue) {
        let probes = [
            json["http"]?.string.map { Probe.http($0) }, json["tcp"]?.string.flatMap(HealthCheck.tcp),
            json["command"]?.string.map { Probe.command($0) },
        ].compactMap(\.self)
        guard probes.count == 1, let within = json["within"].flatMap(HealthCheck.duration),
            let every = json["every"].flatMap(HealthCheck.duration), let failures = json["failures"]?.int,
            within > .zero, every > .zero, (1...1_000).contains(failures)
        else { return nil }
        self.init(probe: probes[0], within: within, every: every, failures: Int(failures))
    }

    private static func duration(_ json: JSONValue) -> Duration? {
        json.string.flatMap(Quantities.duration) ?? json.int.flatMap { Quantities.duration(String($0)) }
    }

    private static func tcp(_ text: String) -> Probe? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : .tcp(host: String(host), port: port)
    }
}
