import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport

/// Debian's supervisord in a folder of a gateway, with a `conf.d` of its own, beside a program that is none of gwe's.
final class SupervisordFixture {
    let gateway: GatewayFixture
    let folder: String
    private(set) var process: TestProcess?
    private let inet: ReservedPort?

    var confFile: String { folder + "/supervisord.conf" }
    var programFolder: String { folder + "/conf.d" }
    var socketFile: String { folder + "/s.sock" }
    func program(_ app: String) -> String { "\(programFolder)/\(app).conf" }

    /// - Parameters:
    ///   - inet: a port of 127.0.0.1 in place of the socket, with user and password.
    ///   - isStarted: whether supervisord runs at once.
    init(_ gateway: GatewayFixture, inet: ReservedPort? = nil, isStarted: Bool = true) throws {
        self.gateway = gateway
        self.inet = inet
        folder = gateway.root + "/supervisor"
        let server =
            if let inet = inet?.number {
                """
                [inet_http_server]
                port = 127.0.0.1:\(inet)
                username = gwe
                password = se;cret
                [supervisorctl]
                serverurl = http://127.0.0.1:\(inet)
                username = gwe
                password = se;cret
                """
            } else {
                """
                [unix_http_server]
                file = %(here)s/s.sock   ; relative to this file
                [supervisorctl]
                serverurl = unix://%(here)s/s.sock
                """
            }
        try gateway.write(
            """
            \(server)
            [supervisord]
            logfile = \(folder)/supervisord.log
            pidfile = \(folder)/supervisord.pid
            childlogdir = \(folder)
            user = root
            [rpcinterface:supervisor]
            supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
            [include]
            files = conf.d/*.conf
            """, to: confFile)
        try gateway.write(
            "[program:neighbour]\ncommand=/bin/sleep 1000\nstartsecs=0\npriority=1000\n", to: program("neighbour"))
        let yaml = gateway.configFolder + "/gateway.yaml"
        try gateway.write(
            (gateway.read(yaml) ?? "schema: gwe/v1\n") + "services: supervisord\nsupervisord_conf: \(confFile)\n",
            to: yaml)
        if isStarted { try start() }
    }

    deinit { stop() }

    func start() throws {
        let before = runs
        let process = try TestProcess(
            "/usr/bin/supervisord", ["-n", "-c", confFile],
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], scratch: gateway.root + "/scratch")
        self.process = process
        // The neighbour is the last in the order in which supervisord starts its programs.
        guard eventually({ runs > before }) else {
            throw TestFailure(
                "supervisord does not come up: \(log)\(process.out)\(process.err)")
        }
    }

    /// With all that it runs.
    func stop() {
        process?.send(SIGTERM)
        _ = process?.wait()
        process = nil
    }

    /// `supervisorctl`.
    @discardableResult
    func control(_ arguments: String...) -> Ran {
        do {
            return try TestProcess(
                "/usr/bin/supervisorctl", ["-c", confFile] + arguments, environment: ["PATH": "/usr/bin:/bin"],
                scratch: gateway.root + "/scratch"
            ).wait()
        } catch {
            return Ran(arguments: arguments, code: nil, signal: nil, out: "", err: "\(error)")
        }
    }

    /// By supervisord's own log; nil when the process is gone.
    func pid(of program: String) -> Int32? {
        let line = log.split(separator: "\n").last { $0.contains("spawned: '\(program)' with pid ") }
        guard let pid = line?.split(separator: " ").last.flatMap({ Int32($0) }), kill(pid, 0) == 0 else { return nil }
        return pid
    }

    /// How often supervisord has come up with all its programs.
    private var runs: Int {
        log.split(separator: "\n").filter { $0.contains("success: neighbour entered RUNNING") }.count
    }

    var log: String { gateway.read(folder + "/supervisord.log") ?? "" }

    /// How often supervisord started a process of a program.
    func starts(of program: String) -> Int {
        log.split(separator: "\n").filter { $0.contains("spawned: '\(program)'") }.count
    }
}
