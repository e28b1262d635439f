public import Documents

/// What `supervisord.conf` says of how supervisord is reached and where it reads programs from
/// (http://supervisord.org/configuration.html). Everything else in it is supervisord's own business.
public struct SupervisordSettings: Sendable, Hashable {
    /// Where supervisord listens for XML-RPC.
    public enum Server: Sendable, Hashable {
        /// A socket at an absolute path.
        case unix(path: String)
        /// A TCP port; an IPv6 host is in its brackets.
        case inet(host: String, port: UInt16)
    }

    /// `serverurl` of `[supervisorctl]`, else `[unix_http_server]`, else `[inet_http_server]`; nil when none is there.
    public var server: Server?
    /// For HTTP Basic; nil where no login is asked for.
    public var username: String?
    /// Never to be shown.
    public var password: String?
    /// The patterns of `[include]`, absolute, in their order.
    public var includes: [String] = []

    /// - Parameters:
    ///   - path: of the file: relative patterns and `%(here)s` count from its folder.
    ///   - environment: what `%(ENV_X)s` can name.
    public init(
        _ text: String, path: String, environment: [String: String] = [:], hostName: String = "localhost"
    ) throws(DocumentError) {
        let sections = try PackageServiceFileLines(text, source: path).sections
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        var expansions: [String: PackageServiceFileExpansion.Value] = [
            "here": .text(folder), "host_node_name": .text(hostName),
        ]
        for (name, value) in environment { expansions["ENV_\(name)"] = .text(value) }
        func value(_ section: String, _ key: String) throws(DocumentError) -> String? {
            let options = sections.first { $0.name == section }?.options
            guard let option = options?.last(where: { $0.name == key }) else { return nil }
            do throws(PackageServiceFileExpansion.Failure) {
                return try PackageServiceFileExpansion.expand(option.value, expansions)
            } catch {
                throw DocumentError(source: path, mark: option.mark, path: key, message: error.message)
            }
        }
        let (control, unix, inet) = ("supervisorctl", "unix_http_server", "inet_http_server")
        var origin = control
        if let url = try value(control, "serverurl") {
            guard let server = SupervisordSettings.server(url) else {
                let mark = sections.first { $0.name == control }?.options.last { $0.name == "serverurl" }?.mark
                throw DocumentError(
                    source: path, mark: mark, path: "serverurl",
                    message: "expected unix:///PATH or http://HOST:PORT, found '\(url)'")
            }
            self.server = server
            if case .unix = server { origin = unix } else { origin = inet }
        } else if let file = try value(unix, "file") {
            server = .unix(path: file.hasPrefix("/") ? file : "\(folder)/\(file)")
            origin = unix
        } else if let port = try value(inet, "port") {
            server = SupervisordSettings.server("http://\(port.contains(":") ? "" : ":")\(port)")
            origin = inet
        }
        let (ownName, controlName) = (try value(origin, "username"), try value(control, "username"))
        username = controlName ?? ownName
        // A server may keep a digest in place of the password; that opens nothing.
        let own = try value(origin, "password")
        password = try value(control, "password") ?? (own?.hasPrefix("{SHA}") == true ? nil : own)
        let files = try value("include", "files") ?? ""
        includes = files.split(whereSeparator: \.isWhitespace).map {
            $0.hasPrefix("/") ? String($0) : "\(folder)/\($0)"
        }
    }

    /// `unix:///run/supervisor.sock`, `http://localhost:9001`; a host that means "every address" is taken as loopback.
    private static func server(_ url: String) -> Server? {
        if url.hasPrefix("unix://") {
            let path = url.dropFirst("unix://".count)
            return path.hasPrefix("/") ? .unix(path: String(path)) : nil
        }
        guard url.hasPrefix("http://") else { return nil }
        let parts = WebAddressParts(url)
        guard let port = parts.port.flatMap({ UInt16($0) }), port > 0 else { return nil }
        let host = parts.host
        let isAny = host.isEmpty || host == "*" || host == "0.0.0.0"
        return .inet(host: isAny ? "127.0.0.1" : String(host), port: port)
    }

    /// The first folder of programs, and what follows an app's name there: `/etc/supervisor/conf.d` and `.conf`. nil when
    /// no pattern is a folder with `*` at the beginning of a file's name.
    public var programFolder: (path: String, suffix: String)? {
        for pattern in includes {
            guard let slash = pattern.lastIndex(of: "/") else { continue }
            let folder = pattern[..<slash], name = pattern[pattern.index(after: slash)...]
            let isSpecial: (Character) -> Bool = { "*?[".contains($0) }
            if name.hasPrefix("*"), !name.dropFirst().contains(where: isSpecial), !folder.contains(where: isSpecial) {
                return (folder.isEmpty ? "/" : String(folder), String(name.dropFirst()))
            }
        }
        return nil
    }
}
