import Documents
import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// What a section `[program:demo]` means to Debian's supervisord, and to gwe: values in one form, or a refusal.
struct SupervisordOptions {
    /// What one of both makes of a text: a list of processes with their values, or nil when it refuses.
    struct Outcome: Hashable, CustomStringConvertible {
        /// Key by key as JSON text.
        var processes: [[String: String]]?
        /// Why it was refused.
        var reason = ""

        var description: String {
            guard let processes else { return "refused (\(reason))" }
            return processes.map { "\($0.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: " "))" }
                .joined(separator: " | ")
        }
        static func == (a: Outcome, b: Outcome) -> Bool { a.processes == b.processes }
        func hash(into hasher: inout Hasher) { hasher.combine(processes) }
    }

    static let environment = ["HOME": "/root", "NUMBER": "7", "SPACED": "a b", "LIST": "x,y", "EMPTY": ""]

    /// supervisord's own code reads each text as the file `/rel/demo/current/x.conf` of a gateway7.
    private static let program = """
        import io, json, platform, shlex, sys
        from supervisor import options as o, datatypes as d
        platform.node = lambda: 'gateway7'
        words = {d.RestartUnconditionally: 'always', d.RestartWhenExitUnexpected: 'unexpected', False: 'never'}
        def path(value):
            return 'AUTO' if value is d.Automatic else value
        def words_of(command):
            try:
                return shlex.split(command)
            except ValueError as e:
                return ['cannot be started: %s' % e]
        def read(text, environment):
            options = o.ServerOptions()
            options.here = '/rel/demo/current'
            options.environ_expansions = {'ENV_' + k: v for k, v in environment.items()}
            parser = o.UnhosedConfigParser()
            parser.expansions = options.environ_expansions
            parser.read_file(io.StringIO(text, newline=None))
            processes = options.processes_from_section(parser, 'program:demo', 'demo')
            result = []
            for p in processes:
                redirected = p.redirect_stderr
                result.append({
                    'name': p.name, 'command': words_of(p.command), 'directory': p.directory, 'umask': p.umask,
                    'priority': p.priority, 'autostart': p.autostart, 'restart': words[p.autorestart],
                    'startsecs': max(0, p.startsecs), 'startretries': max(0, p.startretries),
                    'exitcodes': list(p.exitcodes), 'stopsignal': int(p.stopsignal),
                    'stopwaitsecs': max(0, p.stopwaitsecs), 'stopasgroup': p.stopasgroup,
                    'killasgroup': p.killasgroup, 'uid': p.uid, 'environment': p.environment,
                    'redirect': p.redirect_stderr, 'stdout_logfile': path(p.stdout_logfile),
                    'stdout_maxbytes': max(0, p.stdout_logfile_maxbytes),
                    'stdout_backups': max(0, p.stdout_logfile_backups),
                    'stderr_logfile': path(p.stderr_logfile),
                    'stderr_maxbytes': -1 if redirected else max(0, p.stderr_logfile_maxbytes),
                    'stderr_backups': -1 if redirected else max(0, p.stderr_logfile_backups)})
            return result
        answers = []
        for case in json.load(open(sys.argv[1])):
            try:
                answers.append({'processes': read(case['text'], case['environment'])})
            except Exception as e:
                answers.append({'refused': str(e)})
        json.dump(answers, open(sys.argv[2], 'w'))
        """

    /// What supervisord makes of each text.
    static func peer(_ texts: [String]) throws -> [Outcome] {
        let folder = TemporaryFolder()
        let cases = texts.map { ["text": $0, "environment": environment] as [String: Any] }
        try JSONSerialization.data(withJSONObject: cases).write(to: URL(fileURLWithPath: folder("cases")))
        let ran = try TestProcess.run("/usr/bin/python3", ["-c", program, folder("cases"), folder("answers")])
        try #require(ran.code == 0, "\(ran)")
        let answers = try JSON.parse(String(contentsOfFile: folder("answers"), encoding: .utf8), source: "answers")
            .json
        return (answers.elements ?? []).map { answer in
            Outcome(
                processes: answer["processes"]?.elements?.map { process in
                    Dictionary(uniqueKeysWithValues: (process.members ?? []).map { ($0.0, canonical($0.1)) })
                }, reason: answer["refused"]?.string ?? "")
        }
    }

    private static func canonical(_ value: JSONValue) -> String {
        guard let members = value.members else { return value.text() }
        return JSONValue.object(members.sorted { $0.0 < $1.0 }.map { ($0.0, $0.1) }).text()
    }

    /// What gwe makes of it.
    static func gwe(_ text: String) -> Outcome {
        guard let app = AppName("demo") else { return Outcome() }
        let context = ServiceContext(
            release: "1", directory: "/rel/demo/current", logFolder: "/log", agentEnvironment: environment,
            hostName: "gateway7")
        do {
            let conf = try PackageServiceFile.parse(text, source: "supervisor.conf", app: app, context: context)
            return Outcome(processes: conf.definitions.map { values($0).mapValues(canonical) })
        } catch {
            return Outcome(reason: "\(error)")
        }
    }

    private static func values(_ d: ServiceDefinition) -> [String: JSONValue] {
        let uid = d.user.map { name in (try? UserIdentity(name)).map { JSONValue.int(Int64($0.uid)) } ?? "nobody knows"
        }
        func path(_ log: ServiceDefinition.Log?, _ suffix: String) -> JSONValue {
            guard let path = log?.path else { return .null }
            return path == "/log/\(d.key)\(suffix).log" ? "AUTO" : .string(path)
        }
        let pairs = d.environment.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
        return [
            "name": .string(d.processName), "command": .array(d.command.map { .string($0) }),
            "directory": d.directory == "/rel/demo/current" ? .null : .string(d.directory),
            "umask": d.umask.map { .int(Int64($0)) } ?? .null, "priority": .int(Int64(d.priority)),
            "autostart": .bool(d.autostart), "restart": .string(d.restart.rawValue),
            "startsecs": .int(Int64(d.startSeconds)), "startretries": d.startRetries.map { .int(Int64($0)) } ?? .null,
            "exitcodes": .array(d.exitCodes.map { .int(Int64($0)) }), "stopsignal": .int(Int64(d.stopSignal)),
            "stopwaitsecs": .int(Int64(d.stopWaitSeconds)), "stopasgroup": .bool(d.stopAsGroup),
            "killasgroup": .bool(d.killAsGroup), "uid": uid ?? .null, "environment": .object(pairs),
            "redirect": .bool(d.errorOutput == nil), "stdout_logfile": path(d.output, ""),
            "stdout_maxbytes": .int(d.output.maxByteCount), "stdout_backups": .int(Int64(d.output.backups)),
            "stderr_logfile": path(d.errorOutput, ".stderr"),
            "stderr_maxbytes": .int(d.errorOutput?.maxByteCount ?? -1),
            "stderr_backups": .int(Int64(d.errorOutput?.backups ?? -1)),
        ]
    }
}
