public import Documents

/// How a layer is stored in the journal: shaped as a manifest, keys in a fixed order, apps by name.
extension Layer {
    /// `decode(canonicalJSON())` is this layer again, but for origins. A release carries its `run` where it has one,
    /// which only `Layer.stored` reads: a manifest from outside may not name it.
    public func canonicalJSON() -> JSONValue {
        var members: [(String, JSONValue)] = [("schema", .string(ManifestDecoder.schema))]
        if let updateInterval { members.append(("update_interval", .duration(updateInterval.value))) }
        if namesApps {
            let sorted = apps.sorted { $0.key < $1.key }
            members.append(("apps", .object(sorted.map { ($0.key.text, $0.value.canonicalJSON(of: $0.key)) })))
        }
        if let policy { members.append(("policy", policy.canonicalJSON())) }
        return .object(members)
    }

    /// Reads back what `canonicalJSON` wrote, that of a newer gwe too: its other keys are passed over. Every value gets the
    /// one origin.
    public static func stored(_ text: String, source: String, origin: Origin) throws(DocumentErrors) -> Layer {
        let node: Node
        do throws(DocumentError) {
            // Written by this program, so only bounded against a damaged file.
            let limits = DocumentLimits(byteCount: 16 << 20, nodeCount: 1 << 20)
            node = try JSON.parse(text, source: source, limits: limits)
        } catch {
            throw DocumentErrors(error)
        }
        return try ManifestDecoder.decode(node, source: source, allowsRun: true, isStored: true) { _ in origin }
    }

    /// Takes an install command into the cloud layer. Of an app that is there only the release changes (and a state
    /// `absent` is forgotten); `remove` drops the layer's word on an app and vetoes no other layer (D2).
    public mutating func apply(install entries: [InstallEntry], remove: [AppName], commandNumber: Int64) {
        namesApps = true
        for entry in entries {
            var app = apps[entry.app] ?? AppLayer()
            app.release = Sourced(entry.release(commandNumber: commandNumber), from: .cloud)
            if app.state?.value == .absent { app.state = nil }
            apps[entry.app] = app
        }
        for name in remove { apps[name] = nil }
    }
}

extension ReleaseWish {
    func members(of app: AppName) -> [(String, JSONValue)] {
        var artifact: [(String, JSONValue)] = []
        switch location {
        case .content(let name):
            if name != PackageName(name: app, version: version).fileName { artifact.append(("content", .string(name))) }
        case .url(let url): artifact.append(("url", .string(url)))
        case .path(let path): artifact.append(("path", .string(path)))
        }
        if let sha256 { artifact.append(("sha256", .string(sha256.hex))) }
        if let size { artifact.append(("size", .int(size))) }
        var members: [(String, JSONValue)] = [("version", .string(version.text))]
        if !artifact.isEmpty { members.append(("artifact", .object(artifact))) }
        if commandNumber != 0 { members.append(("run", .int(commandNumber))) }
        return members
    }
}

extension AppLayer {
    func canonicalJSON(of name: AppName) -> JSONValue {
        var members = release?.value.members(of: name) ?? []
        if let state { members.append(("state", .string(state.value.rawValue))) }
        if let hold { members.append(("hold", .bool(hold.value))) }
        if let requires { members.append(("requires", .array(requires.value.map { .string($0.text) }))) }
        if let service { members.append(("service", service.value.canonicalJSON())) }
        if let health { members.append(("health", health.value.canonicalJSON())) }
        if let urgent { members.append(("urgent", .bool(urgent.value))) }
        return .object(members)
    }
}

extension ServiceOverride {
    /// The keys of the `service` mapping that are set, in a fixed order; variables by name.
    public func canonicalJSON() -> JSONValue {
        var members: [(String, JSONValue)] = []
        if let command { members.append(("command", .string(command))) }
        if let environment {
            let sorted = environment.sorted { $0.key < $1.key }
            members.append(("environment", .object(sorted.map { ($0.key, .string($0.value)) })))
        }
        if let user { members.append(("user", .string(user))) }
        if let restart { members.append(("restart", .string(restart.rawValue))) }
        if let directory { members.append(("directory", .string(directory))) }
        if let stopSignal { members.append(("stop_signal", .string(stopSignal))) }
        if let stopTimeout { members.append(("stop_timeout", .duration(stopTimeout))) }
        return .object(members)
    }
}

extension HealthCheck {
    /// The `health` mapping with all its times; an IPv6 host gets brackets. `init(json:)` reads it back.
    public func canonicalJSON() -> JSONValue {
        let first: (String, JSONValue) =
            switch probe {
            case .http(let url): ("http", .string(url))
            case .tcp(let host, let port):
                ("tcp", .string(host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"))
            case .command(let command): ("command", .string(command))
            }
        return .object([
            first, ("within", .duration(within)), ("every", .duration(every)), ("failures", .int(Int64(failures))),
        ])
    }
}

extension PolicyLayer {
    func canonicalJSON() -> JSONValue {
        var members: [(String, JSONValue)] = []
        if let keepVersions { members.append(("keep_versions", .int(Int64(keepVersions)))) }
        if let requireSignature { members.append(("require_signature", .bool(requireSignature))) }
        if let allowDowngrade { members.append(("allow_downgrade", .bool(allowDowngrade))) }
        if let allowSetuid { members.append(("allow_setuid", .bool(allowSetuid))) }
        if let window { members.append(("window", .string(Quantities.text(of: window)))) }
        if let bandwidth { members.append(("bandwidth", .byteCount(bandwidth, suffix: "/s"))) }
        if let precedence { members.append(("precedence", .string(precedence.rawValue))) }
        if let atomic { members.append(("atomic", .string(atomic.rawValue))) }
        if let logBudget { members.append(("log_budget", .byteCount(logBudget))) }
        if let logRate { members.append(("log_rate", .int(Int64(logRate)))) }
        if let dataBudget {
            let sorted = dataBudget.sorted { $0.key < $1.key }
            members.append(
                (
                    "data_budget",
                    .object(
                        sorted.map {
                            ($0.key, .string("\(Quantities.text(byteCount: $0.value.byteCount))/\($0.value.period)"))
                        })
                ))
        }
        if let environment { members.append(("environment", .string(environment.rawValue))) }
        return .object(members)
    }
}

extension JSONValue {
    static func duration(_ duration: Duration) -> JSONValue {
        let (seconds, milliseconds) = Quantities.json(of: duration)
        return milliseconds == 0 ? .int(seconds) : .string("\(seconds)s\(milliseconds)ms")
    }

    /// A plain number where JSON keeps it exactly, else with a unit.
    static func byteCount(_ count: Int64, suffix: String = "") -> JSONValue {
        count <= Field.largestInteger ? .int(count) : .string(Quantities.text(byteCount: count) + suffix)
    }
}
