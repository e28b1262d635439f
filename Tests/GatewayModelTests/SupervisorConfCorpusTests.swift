import Documents
import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// Shapes of `supervisor.conf` as they stand in public repositories, in words of this test: what each means, held against
/// the parser of Debian's supervisord, and what is noted of it.
@Suite("Shapes of supervisor.conf") struct SupervisorConfCorpusTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        /// The first process's words; nil where both refuse.
        var command: [String]?
        var environment: [String: String] = [:]
        /// A piece of each note, in their order.
        var notes: [String] = []

        var testDescription: String { name }
    }

    static let shapes: [Shape] = [
        Shape(
            name: "spaces around = and in front of comments",
            text: """
                [program:demo]
                directory = /opt/demo      ; where it starts
                command = /opt/demo/venv/bin/uvicorn app:app --port 8000    ; how
                autostart = true           ; at once
                startsecs = 5
                """, command: ["/opt/demo/venv/bin/uvicorn", "app:app", "--port", "8000"]),
        Shape(
            name: "comments behind each value, without a blank in front of the text",
            text: """
                [program:demo]
                command=/cas/bin/recover ;被监控的进程路径
                numprocs=1                    ; 启动几个进程
                exitcodes=0                   ;x
                stopsignal=KILL               ; 用来杀死进程的信号
                """, command: ["/cas/bin/recover"]),
        Shape(
            name: "keys in capitals, and a colon as the sign",
            text: """
                [program:demo]
                Command: run --fast
                AUTOSTART : no
                StartSecs=0
                """, command: ["run", "--fast"]),
        Shape(
            name: "a head of signs, and keys that are commented out",
            text: """
                ####################################
                ## Supervisor config for a daemon ##
                ####################################
                ;command=never
                [program:demo]
                #command=never
                command=run
                """, command: ["run"]),
        Shape(
            name: "environment on one line, each value in double quotes",
            text: """
                [program:demo]
                command=run
                environment=HOME="/home/pi",USER="pi",PATH="/usr/bin:/bin"
                """, command: ["run"], environment: ["HOME": "/home/pi", "USER": "pi", "PATH": "/usr/bin:/bin"]),
        Shape(
            name: "environment on lines of its own, with a comma at each end",
            text: """
                [program:demo]
                environment=
                    NODE_ENV=production,
                    NODE_PORT=80,
                    DEBUG="app:*",
                command=node index.js
                """, command: ["node", "index.js"],
            environment: ["NODE_ENV": "production", "NODE_PORT": "80", "DEBUG": "app:*"]),
        Shape(
            name: "environment with the comma in front",
            text: """
                [program:demo]
                command=run
                environment=A="1"
                   ,B="2"
                   ,C='x=y;z'
                """, command: ["run"], environment: ["A": "1", "B": "2", "C": "x=y;z"]),
        Shape(
            name: "environment with blanks around its signs",
            text: """
                [program:demo]
                command=run
                environment = KEY = "val" , OTHER = 'two words'
                """, command: ["run"], environment: ["KEY": "val", "OTHER": "two words"]),
        Shape(
            name: "environment with an address that is not quoted",
            text: """
                [program:demo]
                command=run
                environment=BROKER=mqtt://10.0.0.1:1883/a.b-c,TOKEN=abc+def/
                """, command: ["run"], environment: ["BROKER": "mqtt://10.0.0.1:1883/a.b-c", "TOKEN": "abc+def/"]),
        Shape(
            name: "environment with a password that is not quoted",
            text: """
                [program:demo]
                command=run
                environment=PASSWORD=a@b!c
                """, command: nil),
        Shape(
            name: "environment with single quotes",
            text: """
                [program:demo]
                command=run
                environment=FILE_LOC = '/home/shared/x_y.z'
                """, command: ["run"], environment: ["FILE_LOC": "/home/shared/x_y.z"]),
        Shape(
            name: "environment with a path without quotes and a blank in front",
            text: """
                [program:demo]
                command=run
                environment= FILE_LOC = /home/shared/x_y.z
                """, command: ["run"], environment: ["FILE_LOC": "/home/shared/x_y.z"]),
        Shape(
            name: "environment with both kinds of quotes in a value",
            text: """
                [program:demo]
                command=run
                environment=PW="5ny6{wo'\\"7n"
                """, command: ["run"], environment: ["PW": "5ny6{wo'\\"],
            notes: ["'7n\"' was dropped, as a comma should stand after the value of PW"]),
        Shape(
            name: "environment without commas",
            text: """
                [program:demo]
                command=run
                environment=
                  A="1"
                  B="2"
                """, command: nil),
        Shape(
            name: "environment with a # in quotes",
            text: """
                [program:demo]
                command=run
                environment=COLOR="#ff0000",B=1
                """, command: ["run"], environment: ["COLOR": "#ff0000", "B": "1"]),
        Shape(
            name: "environment with a # behind a blank",
            text: """
                [program:demo]
                command=run
                environment=COLOR="x #ff0000",B=1
                """, command: nil),
        Shape(
            name: "environment with a bare #",
            text: """
                [program:demo]
                command=run
                environment=A=1,COLOR=a#ff0000,B=1
                """, command: ["run"], environment: ["A": "1", "COLOR": "a"],
            notes: ["'#ff0000,B=1' was taken as a comment"]),
        Shape(
            name: "environment from variables",
            text: """
                [program:demo]
                command=run %(ENV_HOME)s
                environment=CACHE="%(ENV_HOME)s/cache",LIST="%(ENV_LIST)s"
                """, command: ["run", "/root"], environment: ["CACHE": "/root/cache", "LIST": "x,y"]),
        Shape(
            name: "environment= is no help for autostart",
            text: """
                [program:demo]
                environment=DEMO_AUTO_START=true
                command=bash /xxx.sh demo
                autostart=%(ENV_DEMO_AUTO_START)s
                """, command: nil),
        Shape(
            name: "the topic of a broker behind a blank",
            text: """
                [program:demo]
                command=/usr/bin/mosquitto_sub -h localhost -t # -v
                """, command: ["/usr/bin/mosquitto_sub", "-h", "localhost", "-t"],
            notes: ["'# -v' was taken as a comment"]),
        Shape(
            name: "a shell with a sequence in quotes",
            text: """
                [program:demo]
                command=/bin/bash -c "source venv/bin/activate && exec python app.py"
                """, command: ["/bin/bash", "-c", "source venv/bin/activate && exec python app.py"]),
        Shape(
            name: "a shell with ; behind a blank",
            text: """
                [program:demo]
                command=/bin/bash -c "cd /opt ; exec python app.py"
                """, command: nil),
        Shape(
            name: "a sequence without a shell",
            text: """
                [program:demo]
                command=cd /opt/app && python app.py
                """, command: ["cd", "/opt/app", "&&", "python", "app.py"], notes: ["'cd' is known to a shell only"]),
        Shape(
            name: "a substitution without a shell",
            text: """
                [program:demo]
                command=gunicorn -w `nproc` app:app
                """, command: ["gunicorn", "-w", "`nproc`", "app:app"], notes: ["'`nproc`' stays as it is"]),
        Shape(
            name: "a redirection without a shell",
            text: """
                [program:demo]
                command=/srv/catalina.sh run >> "$CATALINA_OUT" 2>&1
                """, command: ["/srv/catalina.sh", "run", ">>", "$CATALINA_OUT", "2>&1"], notes: ["'>>' is an argument"]
        ),
        Shape(
            name: "percent signs that are doubled",
            text: """
                [program:demo]
                command=bash -c 'date +%%Y%%m%%d; exec sleep 9'
                """, command: ["bash", "-c", "date +%Y%m%d; exec sleep 9"]),
        Shape(
            name: "percent signs that are not doubled",
            text: """
                [program:demo]
                command=run --format %Y-%m-%d
                """, command: nil),
        Shape(
            name: "an expansion without its s",
            text: """
                [program:demo]
                command=run
                numprocs=2
                process_name=%(program_name)_%(process_num)d
                """, command: nil),
        Shape(
            name: "several processes with two digits",
            text: """
                [program:demo]
                command=php worker --threads=%(numprocs)d --thread=%(process_num)d
                process_name=%(program_name)s_%(process_num)02d
                numprocs=8
                """, command: ["php", "worker", "--threads=8", "--thread=0"]),
        Shape(
            name: "several processes without a name for each",
            text: """
                [program:demo]
                command=php artisan queue:work
                numprocs=8
                """, command: nil),
        Shape(
            name: "the number of processes from a variable",
            text: """
                [program:demo]
                command=bin/poller
                process_name=%(program_name)s_%(process_num)02d
                numprocs=%(ENV_NUMBER)s
                """, command: ["bin/poller"]),
        Shape(
            name: "a command over indented lines",
            text: """
                [program:demo]
                command=/usr/bin/java
                    -Xmx64m
                    -jar app.jar
                user=nobody
                """, command: ["/usr/bin/java", "-Xmx64m", "-jar", "app.jar"]),
        Shape(
            name: "a command over lines that end in a backslash",
            text: """
                [program:demo]
                command=/usr/bin/java \\
                    -Xmx64m
                """, command: ["/usr/bin/java", "\n-Xmx64m"], notes: ["the backslash at the end of line 2"]),
        Shape(
            name: "lines of a command that are not indented",
            text: """
                [program:demo]
                command=/usr/bin/java
                -Xmx64m
                """, command: nil),
        Shape(
            name: "tabs as indentation and around the sign",
            text: "[program:demo]\n\tcommand\t=\trun\ta\n\tuser\t=\tnobody\n",
            command: ["run", "a"]),
        Shape(
            name: "a line with a tab within a value", text: "[program:demo]\ncommand=run\n\t--a\n\n\t--b\n",
            command: ["run", "--a", "--b"]),
        Shape(
            name: "Windows line ends", text: "[program:demo]\r\ncommand=run a\r\n\r\n; end\r\nuser=nobody\r\n",
            command: ["run", "a"]),
        Shape(name: "no line end at the end", text: "[program:demo]\ncommand=run", command: ["run"]),
        Shape(
            name: "blank lines and a blank at the ends of lines",
            text: "\n\n[program:demo]  \n\n\ncommand=run  \n   \n",
            command: ["run"]),
        Shape(
            name: "a header with a comment, and text behind the bracket", text: "[program:demo] ; main\ncommand=run\n",
            command: ["run"]),
        Shape(
            name: "texts of another script", text: "[program:demo]\ncommand=run --место дом\ndirectory=/opt/部署\n",
            command: ["run", "--место", "дом"]),
        Shape(
            name: "quotation marks of a word processor", text: "[program:demo]\ncommand=run “a b”\n",
            command: ["run", "“a", "b”"], notes: ["U+201C left double quotation mark in it, which quotes nothing"]),
        Shape(
            name: "a no-break space between two words", text: "[program:demo]\ncommand=run\u{A0}a\n",
            command: ["run\u{A0}a"], notes: ["U+00A0 no-break space"]),
        Shape(
            name: "a backslash in a Windows path", text: "[program:demo]\ncommand=D:\\\\Python\\\\python.exe 0.py\n",
            command: ["D:\\Python\\python.exe", "0.py"]),
        Shape(
            name: "keys of a daemon in the program",
            text: """
                [program:demo]
                command=/usr/bin/nice -n 15 /usr/bin/run
                pidfile=/var/tmp/demo--%(program_name)s.pid
                group=dialout
                vacuum=true
                """, command: ["/usr/bin/nice", "-n", "15", "/usr/bin/run"],
            notes: [
                "pidfile: a key of supervisord itself", "group: no key of supervisord's either", "vacuum: unknown key",
            ]),
        Shape(
            name: "every stream of a container",
            text: """
                [program:demo]
                command=run
                stdout_logfile=/dev/stdout
                stdout_logfile_maxbytes=0
                stderr_logfile=/dev/stderr
                stderr_logfile_maxbytes=0
                """, command: ["run"], notes: ["stderr_logfile: ignored: redirect_stderr is true"]),
        Shape(
            name: "signals and groups",
            text: """
                [program:demo]
                command=run
                stopsignal=QUIT
                stopasgroup=true
                killasgroup=true
                stopwaitsecs=30
                exitcodes=0,2
                """, command: ["run"]),
        Shape(
            name: "a key twice, and a section twice",
            text: """
                [program:demo]
                command=one
                command=two
                [program:demo]
                priority=5
                """, command: ["two"], notes: ["command: it stands twice: line 2 has no effect"]),
        Shape(
            name: "a size with a letter", text: "[program:demo]\ncommand=run\nstdout_logfile_maxbytes=10M\n",
            command: nil),
        Shape(name: "seconds with a unit", text: "[program:demo]\ncommand=run\nstartsecs=10s\n", command: nil),
        Shape(
            name: "a word for autorestart that is none", text: "[program:demo]\ncommand=run\nautorestart=always\n",
            command: nil),
        Shape(name: "an unclosed quote", text: "[program:demo]\ncommand=run\nenvironment=A=\"1,B=2\n", command: nil),
        Shape(
            name: "a misspelt key", text: "[program:demo]\ncommand=run\nautostrat=true\n", command: ["run"],
            notes: ["did you mean 'autostart'?"]),
    ]

    @Test("each shape means to gwe what it means to supervisord", arguments: [shapes])
    func same(shapes: [Shape]) throws {
        let peer = try SupervisordOptions.peer(shapes.map(\.text))
        #expect(peer.count == shapes.count && shapes.count >= 50)
        // Keys whose defaults are Gateway Engine's.
        let own: Set<String> = [
            "startretries", "redirect", "stdout_maxbytes", "stdout_backups", "stderr_logfile", "stderr_maxbytes",
            "stderr_backups",
        ]
        for (shape, theirs) in zip(shapes, peer) {
            let ours = SupervisordOptions.gwe(shape.text)
            #expect(theirs.processes != nil || shape.command == nil, "\(shape.name): supervisord \(theirs)")
            // supervisord takes a command that cannot be split, and cannot start it; gwe refuses it.
            guard shape.command != nil else {
                #expect(ours.processes == nil, "\(shape.name)\n ours: \(ours)\n its:  \(theirs)")
                continue
            }
            #expect(ours.processes?.count == theirs.processes?.count, "\(shape.name)\n ours: \(ours)\n its:  \(theirs)")
            for (mine, its) in zip(ours.processes ?? [], theirs.processes ?? []) {
                for (key, value) in its where !own.contains(key) {
                    #expect(mine[key] == value, "\(shape.name): \(key)")
                }
            }
        }
    }

    @Test("each shape has its command, its environment and its notes, or is refused with a place", arguments: shapes)
    func meaning(_ shape: Shape) throws {
        let context = ServiceContext(
            release: "1", directory: "/rel/demo/current", logFolder: "/log",
            agentEnvironment: SupervisordOptions.environment, hostName: "gateway7")
        let app = try #require(AppName("demo"))
        do throws(DocumentErrors) {
            let conf = try PackageServiceFile.parse(shape.text, source: "s", app: app, context: context)
            #expect(conf.definition.command == shape.command)
            #expect(conf.definition.environment == shape.environment)
            let notes = conf.warnings.map(\.description)
            #expect(notes.count == shape.notes.count, "\(notes)")
            for (note, piece) in zip(notes, shape.notes) { #expect(note.contains(piece), "\(note)") }
        } catch {
            #expect(shape.command == nil, "\(error)")
            #expect(error.errors.allSatisfy { $0.mark != nil }, "\(error)")
        }
    }

    /// supervisord reads files as UTF-8 and ends at a byte that is none; gwe goes on and tells.
    @Test("a byte that is not UTF-8 and a byte order mark do not keep an app from running, and what is lost is told")
    func bytes() throws {
        let app = try #require(AppName("demo"))
        let context = ServiceContext(release: "1", directory: "/d", logFolder: "/log")
        func notes(_ bytes: [UInt8]) throws -> [String] {
            try PackageServiceFile.parse(
                String(decoding: bytes, as: UTF8.self), source: "s", app: app, context: context
            ).warnings.map(\.description)
        }
        let text = Array("[program:demo]\ncommand=run\n".utf8)
        #expect(try notes([0xEF, 0xBB, 0xBF] + text).isEmpty)
        #expect(try notes(text + [UInt8(ascii: ";"), 0xFC, 10]).isEmpty)
        let directory = Array("directory=/opt/m".utf8) + [0xFC] + Array("ller\n".utf8)
        #expect(
            try notes(text + directory) == [
                "s:3:1: directory: there is U+FFFD replacement character, for bytes that are not UTF-8 in it"
            ])
        let folder = TemporaryFolder()
        try Data(text + directory).write(to: URL(fileURLWithPath: folder("x.conf")))
        let ran = try TestProcess.run(
            "/usr/bin/python3", ["-c", "import sys; open(sys.argv[1]).read()", folder("x.conf")],
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"])
        #expect(ran.code != 0 && ran.err.contains("UnicodeDecodeError"))
    }
}
