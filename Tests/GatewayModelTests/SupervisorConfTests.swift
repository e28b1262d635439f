import Documents
import GatewayModel
import GatewaySystem
import Testing

@Suite struct SupervisorConfTests {
    private let context = ServiceContext(
        release: "5-9f86d081", directory: "/rel/demo/current", logFolder: "/var/log/gwe",
        environment: ["GWE_APP": "demo"], agentEnvironment: ["HOME": "/root"], hostName: "gateway7")

    private func parse(_ text: String, override: ServiceOverride? = nil) throws -> PackageServiceFile {
        try PackageServiceFile.parse(
            text, source: "supervisor.conf", app: #require(AppName("demo")), context: context, override: override)
    }

    private func failure(_ text: String) -> String {
        do { return "no error: \(try parse(text).definition)" } catch { return "\(error)" }
    }

    @Test("a file with a command alone gets Gateway Engine's defaults, and is never given up")
    func defaults() throws {
        let conf = try parse("[supervisord]\ncommand=python -u gmq.py --port 8090\n")
        let definition = conf.definition
        #expect(definition.command == ["python", "-u", "gmq.py", "--port", "8090"])
        #expect(definition.directory == "/rel/demo/current")
        #expect(definition.output == .init(path: "/var/log/gwe/demo.log", maxByteCount: 204_800, backups: 1))
        #expect(definition.errorOutput == nil)
        #expect(definition.restart == .unexpected && definition.startRetries == nil && definition.startSeconds == 1)
        #expect(definition.exitCodes == [0] && definition.stopSignal == 15 && definition.stopWaitSeconds == 10)
        #expect(definition.environment == ["GWE_APP": "demo"] && definition.autostart && definition.priority == 999)
        #expect(conf.warnings.isEmpty)
    }

    @Test("all keys are read, with supervisord's units, booleans, lists and names")
    func allKeys() throws {
        let conf = try parse(
            """
            [program:demo]
            command = /usr/bin/env "a b" 'c;d'  x\\ y ; the port follows
            process_name=%(program_name)s
            numprocs=1
            directory: sub
            umask=022
            priority=5
            AutoStart = off
            autorestart=unexpected
            startsecs=0
            startretries=7
            exitcodes=0, 2,255
            stopsignal=sigint
            stopwaitsecs=3
            stopasgroup=yes
            user=nobody
            redirect_stderr=0
            stdout_logfile=%(here)s/out-%(ENV_HOME)s-%(host_node_name)s.log
            stdout_logfile_maxbytes=1MB
            stdout_logfile_backups=4
            stderr_logfile=NONE
            stderr_logfile_maxbytes=12kb
            """)
        let definition = conf.definition
        #expect(definition.command == ["/usr/bin/env", "a b", "c;d", "x y"])
        #expect(definition.directory == "/rel/demo/current/sub")
        #expect(definition.umask == 0o22 && definition.priority == 5 && !definition.autostart)
        #expect(definition.startSeconds == 0 && definition.startRetries == 7 && definition.exitCodes == [0, 2, 255])
        #expect(definition.stopSignal == 2 && definition.stopWaitSeconds == 3)
        #expect(definition.stopAsGroup && definition.killAsGroup && definition.user == "nobody")
        #expect(definition.output.path == "/rel/demo/current/out-/root-gateway7.log")
        #expect(definition.output.maxByteCount == 1 << 20 && definition.output.backups == 4)
        #expect(definition.errorOutput == .init(path: nil, maxByteCount: 12 << 10, backups: 1))
        #expect(conf.warnings.isEmpty, "\(conf.warnings)")
    }

    @Test("the variables that a text names are known before it is read")
    func namedVariables() {
        let text = "[supervisord]\ncommand=%(ENV_TOOLS)s/x %(process_num)d %(ENV_LEVEL)s\n; (ENV_"
        #expect(PackageServiceFile.variables(namedIn: text) == ["TOOLS", "LEVEL"])
        #expect(PackageServiceFile.variables(namedIn: "(ENV_A) only") == ["A"])
        #expect(PackageServiceFile.variables(namedIn: "ENV_A)").isEmpty)
    }

    @Test("environment is split as supervisord splits it, and its names can be expanded elsewhere")
    func environment() throws {
        let definition = try parse(
            """
            [supervisord]
            environment=A="x,y",B='z z', PATH=/opt/bin:%(ENV_HOME)s/bin,C="100%%",
                D="", E=a.b-c+d(1)
            command=run %(ENV_A)s %(process_num)02d
            """
        ).definition
        #expect(
            definition.environment == [
                "GWE_APP": "demo", "A": "x,y", "B": "z z", "PATH": "/opt/bin:/root/bin", "C": "100%", "D": "",
                "E": "a.b-c+d(1)",
            ])
        #expect(definition.command == ["run", "x,y", "00"])
    }

    @Test("comments, values over several lines, repeated keys and Windows line ends are as in Python's configparser")
    func grammar() throws {
        let definition = try parse(
            "\u{FEFF}; first\r\n[supervisord]\r\n# second\r\ncommand=one\r\n  two ;three\r\n\r\n  four;five\r\npriority=1\r\n"
                + "PRIORITY : 2 # more\r\n[supervisord]\r\nstartsecs=9\r\n"
        ).definition
        #expect(definition.command == ["one", "two", "four;five"])
        #expect(definition.priority == 2 && definition.startSeconds == 9)
    }

    @Test("what cannot be honoured, and what is unknown, is said by name with its line")
    func warnings() throws {
        let conf = try parse(
            """
            [supervisord]
            command=x
            stdout_capture_maxbytes=1MB
            stdout_events_enabled=false
            serverurl=AUTO
            startsec=3
            quux=1
            stderr_logfile=/tmp/e.log
            process_name=other
            [group:all]
            programs=demo
            """)
        #expect(
            conf.warnings.map(\.description) == [
                "supervisor.conf:10:1: section [group:all] is ignored",
                "supervisor.conf:3:1: stdout_capture_maxbytes: not supported: '1MB' has no effect",
                "supervisor.conf:6:1: startsec: unknown key, did you mean 'startsecs'?",
                "supervisor.conf:7:1: quux: unknown key",
                "supervisor.conf:8:1: stderr_logfile: ignored: redirect_stderr is true",
            ])
    }

    @Test(
        "every key that has no effect here is named with its line, unless its value asks for nothing",
        arguments: [
            ("stdout_capture_maxbytes", "0", "1MB"), ("stderr_capture_maxbytes", "0KB", "1"),
            ("stdout_events_enabled", "off", "true"), ("stderr_events_enabled", "0", "yes"),
            ("stdout_syslog", "no", "1"), ("stderr_syslog", "False", "on"),
            ("serverurl", "auto", "unix:///run/supervisor.sock"),
        ])
    func ignored(_ key: String, _ neutral: String, _ asking: String) throws {
        #expect(try parse("[supervisord]\ncommand=x\n\(key)=\(neutral)").warnings.isEmpty)
        #expect(
            try parse("[supervisord]\ncommand=x\n\(key)=\(asking)").warnings.map(\.description) == [
                "supervisor.conf:3:1: \(key): not supported: '\(asking)' has no effect"
            ])
    }

    @Test(
        "a mistake is an error with its line and what was expected",
        arguments: [
            ("", "supervisor.conf:1:1: expected a section [supervisord]"),
            ("command=x", "supervisor.conf:1:1: expected a section such as [supervisord] before 'command=x'"),
            ("[supervisord]\n", "supervisor.conf:1:1: command: expected a command, found none"),
            ("[supervisord]\ncommand=\n", "supervisor.conf:2:1: command: expected a command, found an empty text"),
            (
                "[supervisord]\ncommand=a 'b",
                "supervisor.conf:2:1: command: no closing quote: a ' is opened and never closed"
            ),
            ("[supervisord]\nnonsense", "supervisor.conf:2:1: expected 'key = value', found 'nonsense'"),
            (
                "[supervisord]\ncommand=x\n[program:y]\ncommand=z",
                "supervisor.conf:3:1: expected one section, found [program:y] beside [supervisord]; a package is one app: "
                    + "delete [program:y] (line 3), or [supervisord]"
            ),
            (
                "[supervisord]\ncommand=x\nnumprocs=2",
                "supervisor.conf:3:1: numprocs: expected %(process_num) in process_name, because numprocs is 2, "
                    + "found '%(program_name)s'"
            ),
            (
                "[supervisord]\ncommand=x\nnumprocs=2\nprocess_name=web",
                "supervisor.conf:4:1: process_name: expected %(process_num) in process_name, because numprocs is 2, "
                    + "found 'web'"
            ),
            (
                "[supervisord]\ncommand=x\nnumprocs=0",
                "supervisor.conf:3:1: numprocs: expected a number from 1 to 100, found 0"
            ),
            (
                "[supervisord]\nnumprocs=2\ncommand=x\nprocess_name=%(process_num).0s",
                "supervisor.conf:4:1: process_name: expected a name without white space, ':' and '/', found ''"
            ),
            (
                "[supervisord]\nnumprocs=11\ncommand=x\nprocess_name=%(process_num).1s",
                "supervisor.conf:4:1: process_name: expected another name for each process, found "
                    + "'%(process_num).1s'"
            ),
            (
                "[supervisord]\ncommand=x\nstopsignal=STOPP",
                "supervisor.conf:3:1: stopsignal: expected a signal such as TERM or INT, found 'STOPP'"
            ),
            (
                "[supervisord]\ncommand=x\nexitcodes=0,256",
                "supervisor.conf:3:1: exitcodes: expected numbers from 0 to 255 with commas between them, found '0,256'"
            ),
            (
                "[supervisord]\ncommand=x\n\nautorestart=perhaps",
                "supervisor.conf:4:1: autorestart: expected true, false or unexpected, found 'perhaps'"
            ),
            (
                "[supervisord]\ncommand=%(ENV_NOPE)s",
                "supervisor.conf:2:1: command: cannot expand %(ENV_NOPE)s: the environment has no NOPE"
            ),
            (
                "[supervisord]\ncommand=date +%s",
                "supervisor.conf:2:1: command: expected %(name)s or %% after 'date +', found '%s'"
            ),
            (
                "[supervisord]\ncommand=x\nstdout_logfile_maxbytes=2TB",
                "supervisor.conf:3:1: stdout_logfile_maxbytes: expected a size such as 200KB or 5MB, found '2TB'"
            ),
            (
                "[supervisord]\ncommand=x\nstopasgroup=true\nkillasgroup=false",
                "supervisor.conf:4:1: killasgroup: cannot be false while stopasgroup is true"
            ),
            (
                "[supervisord]\ncommand=x\nenvironment=A=1,B",
                "supervisor.conf:3:1: environment: expected KEY=value after 'A=1,'"
            ),
            (
                "[supervisord]\ncommand=x\numask=9",
                "supervisor.conf:3:1: umask: expected an octal number such as 022, found '9'"
            ),
            (
                "[supervisord]\ncommand=x\nstartsecs=1s",
                "supervisor.conf:3:1: startsecs: expected a whole number, found '1s'"
            ),
        ])
    func mistakes(_ text: String, _ message: String) {
        #expect(failure(text) == message)
    }

    @Test("numprocs makes a definition for each process, with its number in its name, command, environment and logs")
    func several() throws {
        let conf = try parse(
            """
            [supervisord]
            command=serve --port 80%(process_num)02d of %(numprocs)d
            process_name=%(program_name)s_%(process_num)02d
            numprocs=3
            numprocs_start=7
            environment=N="%(process_num)d"
            directory=w%(ENV_N)s
            redirect_stderr=false
            stderr_logfile=all.log
            """)
        #expect(conf.definitions.map(\.processName) == ["demo_07", "demo_08", "demo_09"])
        #expect(conf.definitions.map(\.key.description) == ["demo:demo_07", "demo:demo_08", "demo:demo_09"])
        #expect(conf.definitions[1].command == ["serve", "--port", "8008", "of", "3"])
        #expect(conf.definitions.map { $0.environment["N"] } == ["7", "8", "9"])
        #expect(conf.definitions[2].directory == "/rel/demo/current/w9")
        #expect(conf.definitions[0].output.path == "/var/log/gwe/demo:demo_07.log")
        #expect(conf.definitions[0].errorOutput?.path == "/var/log/gwe/all.log.demo_07")
        #expect(
            conf.warnings.map(\.description) == [
                "supervisor.conf:9:1: stderr_logfile: several processes cannot write to one file: each has its own, "
                    + "such as /var/log/gwe/all.log.demo_07"
            ])
        let text = ServiceDefinition.document(conf.definitions).text()
        #expect(try ServiceDefinition.all(inDocument: JSON.parse(text, source: "file").json) == conf.definitions)
    }

    @Test("one process keeps the names of files that it had before there could be several, whatever it is called")
    func single() throws {
        let plain = try parse("[supervisord]\ncommand=x\n").definition
        #expect(plain.key.description == "demo" && plain.output.path == "/var/log/gwe/demo.log")
        #expect(plain.canonicalJSON["process_name"] == nil)
        #expect(ServiceDefinition.document([plain]) == plain.canonicalJSON)
        let named = try parse("[supervisord]\ncommand=x %(process_num)d\nprocess_name=p\nnumprocs_start=4").definition
        #expect(named.processName == "p" && named.key.description == "demo" && named.command == ["x", "4"])
        #expect(named.output.path == "/var/log/gwe/demo.log")
        #expect(try ServiceDefinition(json: JSON.parse(named.canonicalJSON.text(), source: "f").json) == named)
    }

    @Test("a service definition in the form before several processes is read, and written again byte for byte")
    func oldForm() throws {
        let text =
            #"{"schema":"gwe-service/v1","app":"web","release":"1-ab","command":["x"],"directory":"/d","environment":{},"#
            + #""user":null,"umask":null,"priority":999,"autostart":true,"restart":"unexpected","start_seconds":1,"#
            + #""start_retries":null,"exit_codes":[0],"stop_signal":15,"stop_wait_seconds":10,"stop_as_group":false,"#
            + #""kill_as_group":false,"output":{"path":"/l/web.log","max_bytes":204800,"backups":1},"#
            + #""error_output":null,"requires":[]}"#
        let definitions = try #require(ServiceDefinition.all(inDocument: JSON.parse(text, source: "file").json))
        #expect(definitions.map(\.key.description) == ["web"] && definitions[0].processName == "web")
        #expect(ServiceDefinition.document(definitions).text() == text)
    }

    @Test("the manifest's service wins key by key, and can bring the command")
    func override() throws {
        let service = ServiceOverride(
            command: "bin/app --port 9000", environment: ["LEVEL": "debug", "A": "2"], user: "nobody", restart: .never,
            directory: "sub", stopSignal: "QUIT", stopTimeout: .milliseconds(2_500))
        let definition = try parse("[supervisord]\nenvironment=A=1,B=1\npriority=3\n", override: service).definition
        #expect(definition.command == ["bin/app", "--port", "9000"] && definition.priority == 3)
        #expect(definition.environment == ["GWE_APP": "demo", "A": "2", "B": "1", "LEVEL": "debug"])
        #expect(definition.user == "nobody" && definition.restart == .never && definition.stopSignal == 3)
        #expect(definition.directory == "/rel/demo/current/sub" && definition.stopWaitSeconds == 3)
    }

    @Test("a service of the manifest alone is a whole definition that always restarts")
    func overrideAlone() throws {
        let app = try #require(AppName("demo"))
        let definition = try ServiceDefinition(app: app, from: .init(command: "x"), context: context, source: "m.yaml")
        #expect(definition.restart == .always && definition.command == ["x"])
        #expect(throws: DocumentError.self) {
            try ServiceDefinition(app: app, from: .init(user: "x"), context: context, source: "m.yaml")
        }
        #expect(throws: DocumentError.self) {
            try ServiceDefinition(
                app: app, from: .init(command: "x", directory: "../y"), context: context, source: "m.yaml")
        }
    }

    @Test("a definition survives its own JSON text, and equal definitions have equal texts")
    func json() throws {
        let conf = try parse(
            """
            [supervisord]
            command=a "b c"
            environment=Z=1,A="ü\\"
            umask=007
            startretries=2
            redirect_stderr=false
            stdout_logfile=none
            """)
        let text = conf.definition.canonicalJSON.text()
        let read = try ServiceDefinition(json: JSON.parse(text, source: "file").json)
        #expect(read == conf.definition)
        #expect(read?.canonicalJSON.text() == text)
        #expect(ServiceDefinition(json: .object([("schema", "gwe-service/v1")])) == nil)
    }
}
