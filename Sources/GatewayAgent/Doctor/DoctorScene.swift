public import GatewayModel
internal import GatewaySystem
internal import Glibc

/// What the checks look at. A broken gateway.yaml does not stop them: then they know no configuration.
public struct DoctorScene: Sendable {
    public var folders: Folders
    public var manifestFile: String
    public var clock: @Sendable () -> WallTime
    /// Of this process; proxies and preloaded libraries are named there.
    public var environment: [String: String]
    /// What the kernel says of the wall clock; nil when it does not tell.
    public var isClockSynchronised: Bool?
    /// The configuration in force; empty when it cannot be read.
    public private(set) var configuration = GatewayConfiguration()
    var configurationProblem: DoctorFinding?
    /// nil unless a check needs it.
    var cloud: DoctorCloud?

    public init(
        folders: Folders, manifestFile: String? = nil, environment: [String: String] = [:],
        clock: @escaping @Sendable () -> WallTime = WallTime.now
    ) {
        self.folders = folders
        self.manifestFile = manifestFile ?? folders.manifestFile
        self.environment = environment
        self.clock = clock
        isClockSynchronised = ClockState.isSynchronised
        do {
            configuration = try ConfigurationStore(folders: folders).load()
        } catch let error as SystemError where error.isNotPermitted {
            configurationProblem = .skipped("not permitted: \(error)")
        } catch {
            configurationProblem = .failed(
                "\(error)", hint: "edit \(folders.gatewayFile), or 'gwe config set KEY VALUE'")
        }
    }

    var context: GatewayContext {
        GatewayContext(folders: folders, configuration: configuration, manifestFile: manifestFile, clock: clock)
    }

    /// The name of the manifest that was in force last, if it was the one of the standard place.
    var lastManifest: String? {
        guard manifestFile == folders.manifestFile else { return nil }
        return (try? Journal.openReadOnly(folders: folders, clock: clock)?.layer(.local))?.source
    }

    /// What the daemon makes of the clock: the journal's newest time counts. Writes nothing.
    var isClockPlausible: Bool {
        let context = context
        // A journal that cannot be read is another check's matter.
        if let journal = try? Journal.openReadOnly(folders: folders, clock: context.clock) {
            try? context.learnTime(from: journal)
        }
        return context.trust.isTrusted
    }

    /// The folder itself, or the nearest one above it that is there.
    static func existing(_ path: String) -> String {
        var path = path[...]
        while !path.isEmpty, !FileTree.exists(String(path)) {
            path = path.lastIndex(of: "/").map { path[..<$0] } ?? ""
        }
        return path.isEmpty ? "/" : String(path)
    }
}

extension SystemError {
    var isNotPermitted: Bool { code == EACCES || code == EPERM }
}

/// The places in a URL that connections are made to.
struct DoctorURL: Sendable, Hashable {
    var scheme: String
    var host: String
    var port: UInt16

    /// - Parameter text: with or without a scheme; user and password are left out.
    init?(_ text: String, standardScheme: String = "https") {
        var rest = text[...]
        scheme = standardScheme
        if let mark = text.firstIndex(of: ":"), text[mark...].hasPrefix("://") {
            scheme = text[..<mark].lowercased()
            rest = text[mark...].dropFirst(3)
        }
        var authority = rest.prefix { !"/?#".contains($0) }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        var digits = ""[...]
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            digits = authority[authority.index(after: end)...].drop { $0 == ":" }
            authority = authority.dropFirst().prefix { $0 != "]" }
        } else if let colon = authority.lastIndex(of: ":") {
            digits = authority[authority.index(after: colon)...]
            authority = authority[..<colon]
        }
        let standard: UInt16 =
            switch scheme {
            case "https": 443
            case "http": 80
            default: 1080
            }
        guard !authority.isEmpty, let port = digits.isEmpty ? standard : UInt16(digits) else { return nil }
        host = authority.lowercased()
        self.port = port
    }

    var isAddress: Bool {
        var room = in6_addr()
        return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1
    }

    /// 127.0.0.0/8, ::1 or localhost: never asked through a proxy.
    var isLoopback: Bool { host == "localhost" || host == "::1" || (isAddress && host.hasPrefix("127.")) }
}
