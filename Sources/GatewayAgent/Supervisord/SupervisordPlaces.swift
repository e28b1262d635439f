internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// Where an existing supervisord is: its address, and the folder of its programs. Looked up anew for every piece of work,
/// so that a supervisord that is installed or moved later is found without a restart.
///
/// `supervisord_conf` in gateway.yaml names the configuration file. Without it the first of these that is there counts, as
/// for supervisorctl but without the working folder: `/usr/local/etc/supervisord.conf`, `/usr/etc/supervisord.conf`,
/// `/etc/supervisord.conf`, `/etc/supervisor/supervisord.conf`; and where none of them is, Gateway Engine's socket
/// `/tmp/supervisord.sock` or Debian's with `/etc/supervisor/conf.d`.
struct SupervisordPlaces: Sendable, Hashable {
    var server: SupervisordSettings.Server
    var username: String?
    var password: String?
    var programFolder: String
    /// Of a program's file, after the app's name.
    var suffix: String

    static let standardFiles = [
        "/usr/local/etc/supervisord.conf", "/usr/etc/supervisord.conf", "/etc/supervisord.conf",
        "/etc/supervisor/supervisord.conf",
    ]
    static let standardSockets = ["/tmp/supervisord.sock", "/tmp/supervisor.sock", "/run/supervisor.sock"]

    static func find(_ configuration: GatewayConfiguration) throws(SupervisordFailure) -> SupervisordPlaces {
        if let file = configuration.supervisordFile { return try read(file) }
        if let file = standardFiles.first(where: FileTree.exists) { return try read(file) }
        guard let socket = standardSockets.first(where: FileTree.exists) else {
            throw .misconfigured(
                "cannot find supervisord: there is none of \(standardFiles.joined(separator: ", ")); "
                    + "set supervisord_conf in gateway.yaml")
        }
        return SupervisordPlaces(
            server: .unix(path: socket), programFolder: "/etc/supervisor/conf.d", suffix: ".conf")
    }

    private static func read(_ file: String) throws(SupervisordFailure) -> SupervisordPlaces {
        let conf: SupervisordSettings
        do {
            let text = String(decoding: try AtomicFile.read(file, limit: 1 << 20), as: UTF8.self)
            conf = try SupervisordSettings(
                text, path: file, environment: ProcessFacts.environment, hostName: KernelInfo.name.node)
        } catch {
            throw .misconfigured("\(error)")
        }
        guard let server = conf.server else {
            throw .misconfigured(
                "cannot reach supervisord: \(file) has neither serverurl nor unix_http_server nor inet_http_server")
        }
        guard let folder = conf.programFolder else {
            throw .misconfigured(
                "cannot give supervisord programs: \(file) includes no folder; "
                    + "add [include] with files = conf.d/*.conf")
        }
        return SupervisordPlaces(
            server: server, username: conf.username, password: conf.password, programFolder: folder.path,
            suffix: folder.suffix)
    }

    /// How people write it.
    var address: String {
        switch server {
        case .unix(let path): "unix://\(path)"
        case .inet(let host, let port): "http://\(host):\(port)"
        }
    }
}
