import Foundation
import GatewayModel
import GatewaySystem
import Testing

/// Debian's real supervisord in a folder, with an event listener that keeps every change of state.
final class SupervisordPeer {
    let folder: String
    private let pid: Int32
    private var isEnded = false

    /// - Parameter programs: the sections.
    init(folder: String, programs: String) throws {
        self.folder = folder
        try SupervisordPeer.listener.write(toFile: folder + "/listener.py", atomically: true, encoding: .utf8)
        try SupervisordPeer.remote.write(toFile: folder + "/remote.py", atomically: true, encoding: .utf8)
        try (SupervisordPeer.head(folder) + programs)
            .write(toFile: folder + "/supervisord.conf", atomically: true, encoding: .utf8)
        pid = try ChildProcess.spawn(SupervisordPeer.request(folder))
    }

    private static func request(_ folder: String) -> SpawnRequest {
        SpawnRequest(
            executable: "/usr/bin/supervisord", arguments: ["-n", "-c", folder + "/supervisord.conf"],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], directory: folder)
    }

    private static func head(_ folder: String) -> String {
        """
        [supervisord]
        nodaemon=true
        user=root
        logfile=\(folder)/supervisord.log
        pidfile=\(folder)/supervisord.pid
        childlogdir=\(folder)
        identifier=peer
        [unix_http_server]
        file=\(folder)/sock
        [rpcinterface:supervisor]
        supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
        [eventlistener:listener]
        command=/usr/bin/python3 \(folder)/listener.py \(folder)/states
        events=PROCESS_STATE
        buffer_size=10000

        """
    }

    /// http://supervisord.org/events.html: one line for each event, `group:process STATE`.
    private static let listener = """
        import sys
        states = open(sys.argv[1], 'a', buffering=1)
        while True:
            print('READY', flush=True)
            header = dict(word.split(':') for word in sys.stdin.readline().split())
            payload = dict(word.split(':') for word in sys.stdin.read(int(header['len'])).split())
            state = header['eventname'].rsplit('_', 1)[1]
            states.write('%s:%s %s\\n' % (payload['groupname'], payload['processname'], state))
            print('RESULT 2\\nOK', end='', flush=True)
        """

    /// Verbs over XML-RPC: `stop NAME`, `start NAME`, `restart NAME` (as supervisorctl does it: both, one after the other).
    private static let remote = """
        import sys, threading, xmlrpc.client
        from supervisor.xmlrpc import SupervisorTransport
        def act(verb, name):
            transport = SupervisorTransport(serverurl='unix://' + sys.argv[1])
            remote = xmlrpc.client.ServerProxy('http://127.0.0.1', transport=transport).supervisor
            if verb in ('stop', 'restart'):
                remote.stopProcess(name)
            if verb in ('start', 'restart'):
                remote.startProcess(name, False)
        words = sys.argv[2:]
        threads = [threading.Thread(target=act, args=pair) for pair in zip(words[::2], words[1::2])]
        for thread in threads:
            thread.start()
        """

    /// Carries all verbs out at once; returns when they are.
    func act(_ verbs: [(verb: String, program: String)]) throws {
        let words = verbs.flatMap { [$0.verb, $0.program] }
        let run = try ChildProcess.run(
            "/usr/bin/python3", [folder + "/remote.py", folder + "/sock"] + words,
            environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(60))
        #expect(run.exit == .code(0), "\(String(decoding: run.output, as: UTF8.self))")
    }

    /// The states that a process `group:process` went through.
    func history(_ process: String) -> [ServiceState] {
        let text = (try? String(contentsOfFile: folder + "/states", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 2 && words[0] == process ? ServiceState(rawValue: String(words[1])) : nil
        }
    }

    /// Kills it with all that it started: its own way takes up to a second for each program.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        kill(pid, SIGSTOP)
        let children = children()
        kill(pid, SIGKILL)
        _ = try? ChildProcess.wait(pid)
        // Each leads a group of its own.
        for child in children { kill(-child, SIGKILL) }
    }

    private func children() -> [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { Int32($0) }.filter { number in
            let text = (try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)) ?? ""
            // pid (name) state parent: proc(5)
            let fields = text.drop { $0 != ")" }.split(separator: " ")
            return fields.count > 2 && Int32(fields[2]) == pid
        }
    }

    deinit { end() }

    /// What supervisord says of a configuration that it refuses; nil when it takes it.
    static func refusal(folder: String, programs: String) throws -> String? {
        try (head(folder) + programs).write(toFile: folder + "/refused.conf", atomically: true, encoding: .utf8)
        let run = try ChildProcess.run(
            "/usr/bin/supervisord", ["-n", "-c", folder + "/refused.conf"],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], timeout: .seconds(20))
        return run.exit == .code(2) ? String(decoding: run.output, as: UTF8.self) : nil
    }
}
