import Documents
import GatewayModel
import GatewaySystem
import Testing

/// What people write into `supervisor.conf` and do not get from supervisord: it is said with its line and what to do.
@Suite("supervisor.conf as people write it") struct SupervisorConfMeaningTests {
    private let context = ServiceContext(
        release: "1", directory: "/rel/demo/current", logFolder: "/log", agentEnvironment: ["HOME": "/root"])

    private func parse(_ text: String, isEnvironmentKnown: Bool = true) throws -> PackageServiceFile {
        try PackageServiceFile.parse(
            text, source: "s", app: #require(AppName("demo")), context: context, isEnvironmentKnown: isEnvironmentKnown)
    }

    private func notes(_ lines: String) throws -> [String] {
        try parse("[program:demo]\n" + lines + "\n").warnings.map(\.description)
    }

    private func problems(_ text: String) -> [String] {
        do throws(DocumentErrors) {
            guard let app = AppName("demo") else { return [] }
            _ = try PackageServiceFile.parse(text, source: "s", app: app, context: context)
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    // MARK: comments

    // Supervisor/supervisor#1557
    @Test("what is cut off a command at a # is shown with its place, and the command is what supervisord runs")
    func comment() throws {
        let conf = try parse("[program:demo]\ncommand=mosquitto_sub -h localhost -t # -v\n")
        #expect(conf.definition.command == ["mosquitto_sub", "-h", "localhost", "-t"])
        #expect(
            conf.warnings.map(\.description) == [
                "s:2:39: command: '# -v' was taken as a comment: where it belongs to the value, no white space may stand "
                    + "before the #, as in '#'"
            ])
        // The cure works.
        let cured = try parse("[program:demo]\ncommand=mosquitto_sub -h localhost -t '#' -v\n")
        #expect(cured.definition.command.suffix(2) == ["#", "-v"] && cured.warnings.isEmpty)
        // Comments that were meant are no news.
        #expect(try notes("command=x ; the program\nautostart=true # at boot\n# a line\n; another").isEmpty)
    }

    @Test("a quote that a comment leaves open is an error at the comment")
    func openQuote() {
        #expect(
            problems("[program:demo]\ncommand=x\nenvironment=COLOR=\"x #ff0000\",B=1\n") == [
                "s:3:22: environment: no closing quote in 'COLOR=\"x'; here a comment begins, so that '#ff0000\",B=1' was "
                    + "dropped: no white space may stand before the #"
            ])
        #expect(
            problems("[program:demo]\ncommand=sh -c \"a ; b\"\n").first?.hasPrefix(
                "s:2:18: command: no closing quote: a \" is opened and never closed; here a comment begins, so that '; b\"'"
            ) == true)
    }

    // Supervisor/supervisor#1123, Supervisor/supervisor#247
    @Test("a # outside of quotes ends environment, which is said")
    func environmentComment() throws {
        let conf = try parse("[program:demo]\ncommand=x\nenvironment=A=a#b,B=2\n")
        #expect(conf.definition.environment == ["A": "a"])
        #expect(
            conf.warnings.map(\.description) == [
                "s:3:1: environment: '#b,B=2' was taken as a comment: quote a value that holds a #"
            ])
        #expect(
            problems("[program:demo]\ncommand=x\nenvironment=COLOR=#ff0000,B=1\n") == [
                "s:3:1: environment: expected KEY=value, found 'COLOR='; outside of quotes a # begins a comment: "
                    + "'#ff0000,B=1' was dropped"
            ])
    }

    // MARK: lines

    // Supervisor/supervisor#140
    @Test("a backslash at the end of a line is kept as supervisord keeps it, and told")
    func backslash() throws {
        let conf = try parse("[program:demo]\ncommand=/bin/echo \\\n  --a \\\n  --b\n")
        #expect(conf.definition.command == ["/bin/echo", "\n--a", "\n--b"])
        #expect(conf.warnings.count == 2, "\(conf.warnings)")
        #expect(
            conf.warnings.first?.description
                == "s:2:1: command: the backslash at the end of line 2 puts a line break into an argument: delete it, "
                + "indented lines belong together")
        #expect(try notes("command=/bin/echo\n  --a\n  --b").isEmpty)
        #expect(
            problems("[program:demo]\ncommand=x\nenvironment=A=1,\\\n  B=2\n").first?.hasSuffix(
                "; the backslash at the end of line 3 is not needed: indented lines belong together") == true)
    }

    // MARK: sections

    @Test("of a whole supervisord.conf the one program is taken, and what does not count is told")
    func wholeFile() throws {
        let all = """
            [unix_http_server]
            file=/tmp/s.sock
            [supervisord]
            nodaemon=true
            logfile=/dev/null
            user=root
            environment=A=1
            [rpcinterface:supervisor]
            supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
            [supervisorctl]
            serverurl=unix:///tmp/s.sock
            [include]
            files=conf.d/*.conf
            [eventlistener:e]
            command=listen
            [program:gw]
            command=/bin/sleep 100
            """
        let conf = try parse(all)
        #expect(conf.definition.command == ["/bin/sleep", "100"] && conf.definition.user == nil)
        #expect(
            conf.warnings.map(\.description) == [
                "s:1:1: section [unix_http_server] is ignored",
                "s:8:1: section [rpcinterface:supervisor] is ignored",
                "s:10:1: section [supervisorctl] is ignored",
                "s:12:1: section [include] is ignored: no other file is read",
                "s:14:1: section [eventlistener:e] is ignored: its program is not run",
                "s:3:1: section [supervisord] is ignored: beside [program:gw] it is about supervisord itself; what "
                    + "it says of environment and user does not count: put that below [program:gw]",
            ])
        #expect(try parse("[supervisord]\nnodaemon=true\n\n[program:gw]\ncommand=x\n").definition.command == ["x"])
        #expect(try parse("[program:gw]\ncommand=x\n\n[supervisord]\n").definition.command == ["x"])
    }

    @Test("two programs are refused with what to delete; no program with what was found")
    func sections() {
        #expect(
            problems("[program:a]\ncommand=x\n[program:b]\ncommand=y\n[program:c]\ncommand=z\n") == [
                "s:3:1: expected one section, found [program:b] beside [program:a]; a package is one app: delete "
                    + "[program:b] (line 3) and [program:c] (line 5), or [program:a]"
            ])
        #expect(
            problems("[Program:a]\ncommand=x\n") == ["s:1:1: expected a section [supervisord], found [Program:a]"])
    }

    @Test("the program of a whole file is what supervisord is given, too")
    func handedOver() throws {
        let text = try SupervisordProgram(
            app: #require(AppName("demo")),
            supervisorConf: "[supervisord]\nnodaemon=true\n[program:gw]\ncommand=/bin/x ; why\npriority=3\n",
            override: nil,
            context: context
        ).text
        #expect(text.contains("[program:demo]\ncommand=/bin/x ; why\npriority=3\n"), "\(text)")
        #expect(!text.contains("nodaemon"))
    }

    // MARK: keys

    // Supervisor/supervisor#996, Supervisor/supervisor#1286
    @Test("keys that did nothing in supervisord say what is so instead")
    func keys() throws {
        let found = try notes(
            "command=/usr/bin/nice -n 15 x\npidfile=/var/tmp/x--%(program_name)s.pid\nuser=nobody\ngroup=dialout")
        #expect(
            found == [
                "s:3:1: pidfile: a key of supervisord itself, not of a program: it has no effect",
                "s:5:1: group: no key of supervisord's either: the app has the groups that the gateway's user database gives "
                    + "'nobody', not 'dialout': to add it there, 'usermod -aG dialout nobody' in install.sh",
            ])
        #expect(
            try notes("command=x\ngroup=a").first?.contains("the groups of gwe itself, as no user is given") == true)
        #expect(
            try notes("command=x\nstdout_maxbytes=1").first?.contains("did you mean 'stdout_logfile_maxbytes'?") == true
        )
        #expect(
            try notes("command=x\nredirect_stdout=true").first?.contains("standard output goes to stdout_logfile")
                == true)
        #expect(
            try notes("command=x\nuser\u{200B}=a").first?.contains("its 5th character is U+200B zero width space")
                == true)
    }

    // Supervisor/supervisor#160, Supervisor/supervisor#606, nickstenning/honcho#49, csirtgadgets/bearded-avenger#132
    @Test(
        "words that only a shell understands are told",
        arguments: [
            ("a && b", "'&&' is an argument, as no shell runs"), ("a > /tmp/x 2>&1", "'>' is an argument"),
            ("a | b", "'|' is an argument"), ("a &", "'&' is an argument"),
            ("gunicorn -w `nproc` app", "'`nproc`' stays as it is"), ("a $PORT", "'$PORT' stays as it is"),
            ("a ${PORT}", "'${PORT}' stays as it is"), ("cd /opt/app", "'cd' is known to a shell only"),
            ("source venv/bin/activate", "'source' is known to a shell only"),
            ("A=1 run", "'A=1' sets no variable"),
        ])
    func shell(command: String, words: String) throws {
        let found = try notes("command=" + command)
        #expect(found.count == 1 && found[0].contains(words), "\(found)")
    }

    @Test(
        "commands that are what they seem stay without a note",
        arguments: [
            "sh -c 'a && b > c'", "bash -c \"exec x $PORT\"", "mosquitto_sub -t $SYS/broker/load", "a --x=1 b",
            "/bin/sh -c $CMD", "x -p '$2y$10$abc'", "run a;b", "env A=1 run",
        ])
    func plain(command: String) throws {
        #expect(try notes("command=" + command) == [])
    }

    @Test("quotation marks that quote nothing, and bytes that are no UTF-8, are told")
    func characters() throws {
        #expect(
            try notes("command=run “a b”") == [
                "s:2:1: command: there is U+201C left double quotation mark in it, which quotes nothing"
            ])
        let latin = String(decoding: Array("command=run caf".utf8) + [0xE9], as: UTF8.self)
        #expect(try notes(latin).first?.contains("U+FFFD replacement character, for bytes that are not UTF-8") == true)
        #expect(try notes("command=run Zürich\n# caf\u{FFFD}").isEmpty)
        #expect(
            problems("[program:demo]\ncommand=a\u{0}b\n") == ["s:2:10: the text holds a NUL byte"])
        let wide = String(decoding: [0xFF, 0xFE] + "[program:x]\n".utf8.flatMap { [$0, 0] }, as: UTF8.self)
        #expect(problems(wide).first?.hasSuffix("the text is UTF-16: save it as UTF-8") == true)
    }

    // MARK: all at once

    @Test("all mistakes of a file are told together, in the order of its lines")
    func together() {
        #expect(
            problems("[program:demo]\nstartsecs=1s\nautostart=ja\nstopsignal=STOPP\numask=9\n").map { $0.prefix(13) }
                == [
                    "s:1:1: comman", "s:2:1: starts", "s:3:1: autost", "s:4:1: stopsi", "s:5:1: umask:",
                ])
        #expect(problems("[program:demo]\nnonsense\ncommand=x\nmore\n").count == 2)
    }

    @Test("a file of very many lines is refused, and very many notes are cut short")
    func limits() throws {
        let found = try notes("command=x\n" + (0..<9_000).map { "k\($0)=1" }.joined(separator: "\n"))
        #expect(found.count == 200 && found.last == "s: there is more to note, which is left out")
        #expect(
            problems("[program:demo]\n" + String(repeating: "\n", count: 10_000))
                == ["s: expected at most 10000 lines, found 10002"])
    }

    // MARK: what only the gateway knows

    private let open = """
        [program:demo]
        command=run %(ENV_ARGS)s
        numprocs=%(ENV_N)s
        process_name=%(program_name)s_%(process_num)02d
        autostart=%(ENV_ON)s
        priority=%(ENV_PRIORITY)s
        startsecs=1%(ENV_DIGIT)s
        stopsignal=%(ENV_SIGNAL)s
        exitcodes=%(ENV_CODES)s
        umask=%(ENV_MASK)s
        autorestart=%(ENV_RESTART)s
        stdout_logfile_maxbytes=%(ENV_SIZE)s
        directory=%(ENV_FOLDER)s
        user=%(ENV_WHO)s
        environment=SSL=%(ENV_SSL)s,H="%(ENV_H)s",D=%(ENV_HOME)s/x
        """

    @Test("where the gateway's environment is not known, no key is refused for it, and each is named")
    func unknown() throws {
        let conf = try parse(open, isEnvironmentKnown: false)
        #expect(conf.definition.command == ["run", "$ARGS"] && conf.definition.directory == "$FOLDER")
        #expect(conf.definition.environment["D"] == "/root/x" && conf.definition.environment["SSL"] == "$SSL")
        #expect(
            conf.openVariables == [
                "ARGS", "N", "ON", "PRIORITY", "DIGIT", "SIGNAL", "CODES", "MASK", "RESTART", "SIZE", "FOLDER", "WHO",
                "SSL", "H",
            ])
        let keys = conf.warnings.map(\.path)
        #expect(
            Set(keys) == [
                "numprocs", "autostart", "priority", "startsecs", "stopsignal", "exitcodes", "umask", "autorestart",
                "stdout_logfile_maxbytes",
            ])
        #expect(conf.warnings.allSatisfy { $0.message.contains("comes from the gateway's environment") })
        // A list of variables as a whole, and one that another key names again.
        let more = try parse(
            "[program:demo]\ncommand=x %(ENV_A)s\npriority=%(ENV_A)s\nenvironment=A=%(ENV_B)s\n",
            isEnvironmentKnown: false)
        #expect(more.openVariables == ["B"] || more.openVariables == ["A", "B"])
        #expect(
            try parse("[program:demo]\ncommand=x\nenvironment=%(ENV_ALL)s\n", isEnvironmentKnown: false).warnings.count
                == 1)
    }

    @Test("what is wrong whatever the value is stays refused, and a known environment is held against each key")
    func known() {
        #expect(throws: DocumentErrors.self) {
            try parse("[program:demo]\ncommand=%(ENV_X)d\n", isEnvironmentKnown: false)
        }
        #expect(throws: DocumentErrors.self) {
            try parse("[program:demo]\ncommand=x\npriority=high\n", isEnvironmentKnown: false)
        }
        #expect(problems(open).contains { $0.contains("the environment has no N") })
    }
}
