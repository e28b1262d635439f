import Documents
import Testing

@testable import GatewayModel

@Suite struct SupervisordProgramTests {
    private let app: AppName
    private let context = ServiceContext(
        release: "1-abcd", directory: "/r/web/current", logFolder: "/log", environment: ["GWE_APP": "web"])

    init() throws { app = try #require(AppName("web")) }

    private func text(_ conf: String?, _ override: ServiceOverride? = nil) throws -> String {
        try SupervisordProgram(app: app, supervisorConf: conf, override: override, context: context).text
    }

    /// The keys as supervisord reads them.
    private func read(_ text: String) throws -> [String: String] {
        let sections = try PackageServiceFileLines(text, source: "").sections
        #expect(sections.map(\.name) == ["program:web"])
        return Dictionary(sections[0].options.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }

    @Test("the section gets the app's name, every line stays, and Gateway Engine's defaults follow")
    func defaults() throws {
        #expect(
            try text("# head\n[supervisord]\n; mine\ncommand = /bin/x  ; why\n\npriority=5\n") == """
                ; written by gwe, changes are lost; release 1-abcd
                [program:web]
                ; mine
                command = /bin/x  ; why

                priority=5
                ; added by gwe:
                directory=/r/web/current
                environment=GWE_APP="web"
                redirect_stderr=true
                stdout_logfile=/log/web.log
                stdout_logfile_maxbytes=200KB
                stdout_logfile_backups=1

                """)
        #expect(try read(text("[supervisord]\n"))["command"] == "command", "the placeholder, which always fails")
        #expect(SupervisordProgram.release(of: try text("[supervisord]\n")) == "1-abcd")
        #expect(SupervisordProgram.release(of: "[program:web]\n") == nil)
    }

    @Test("keys of the author win over defaults, and the manifest's over the author's")
    func overrides() throws {
        let conf = """
            [supervisord]
            command=bin/run -x "a b"
            directory=sub
            environment=A="1",
              B='two',
            stdout_logfile=own.log
            stdout_logfile_backups=7
            redirect_stderr=false
            stderr_logfile=%(here)s/err.log
            umask=077
            """
        let plain = try read(text(conf))
        #expect(plain["command"] == "/r/web/current/sub/bin/run -x \"a b\"")
        #expect(plain["directory"] == "/r/web/current/sub")
        #expect(plain["stdout_logfile"] == "/log/own.log" && plain["stdout_logfile_backups"] == "7")
        #expect(plain["stderr_logfile"] == "/r/web/current/err.log" && plain["redirect_stderr"] == "false")
        #expect(
            try PackageServiceFileEnvironment.parse(plain["environment"] ?? "") == [
                "GWE_APP": "web", "A": "1", "B": "two",
            ])

        let override = ServiceOverride(
            command: "bin/other --rate 5%", environment: ["B": "it's 3, \u{e9}", "C": "a \"q\" end"], user: "nobody",
            restart: .onFailure, directory: "", stopSignal: "INT", stopTimeout: .milliseconds(2500))
        let changed = try read(text(conf, override))
        #expect(changed["command"] == "/r/web/current/bin/other --rate 5%%")
        #expect(changed["user"] == "nobody" && changed["autorestart"] == "unexpected")
        #expect(changed["stopsignal"] == "INT" && changed["stopwaitsecs"] == "3" && changed["umask"] == "077")
    }

    @Test("a service without supervisor.conf is restarted always")
    func withoutConf() throws {
        let made = try read(text(nil, ServiceOverride(command: "/bin/x")))
        #expect(made["command"] == "/bin/x" && made["autorestart"] == "true")
    }

    @Test("nothing of a package gets into supervisord but its own program")
    func smuggling() throws {
        let made = try text(
            "[inet_http_server]\nport=*:9001\n[supervisord]\ncommand=/bin/x\n[eventlistener:x]\ncommand=/bin/y\n")
        #expect(!made.contains("9001") && !made.contains("eventlistener") && !made.contains("/bin/y"))
        _ = try read(made)
        // A header within a value is no header; the keys are written then.
        let folded = try text("[supervisord]\ncommand=/bin/x\n  [program:evil]\nuser=a\n")
        #expect(try read(folded)["user"] == "a")
        for value in ["a\n[program:evil]", "a\u{7}", "both \" and '", "'quoted'"] {
            #expect(throws: DocumentError.self) {
                try text("[supervisord]\n", ServiceOverride(environment: ["X": value]))
            }
        }
        #expect(throws: DocumentError.self) { try text(nil, ServiceOverride(command: "/bin/x ; rm")) }
        #expect(throws: DocumentError.self) { try text(nil, ServiceOverride(command: "/bin/x\r[program:evil]")) }
        #expect(throws: DocumentError.self) { try text("[supervisord]\n", ServiceOverride(environment: ["A=B": "x"])) }
    }

    @Test("a program that somebody else wrote is equal when supervisord would run the same process")
    func equivalence() throws {
        let ours = try text("[supervisord]\ncommand=/bin/x\nenvironment=A=\"1\"\n")
        let theirs = """
            [program:web]
            environment = A='1'   ; the same
            command = /bin/x
            redirect_stderr=true
            stdout_logfile=/log/web.log
            stdout_logfile_maxbytes=200KB
            stdout_logfile_backups=1
            """
        #expect(SupervisordProgram.isEquivalent(ours, to: theirs, app: app))
        #expect(!SupervisordProgram.isEquivalent(ours, to: theirs + "\nuser=nobody\n", app: app))
        #expect(!SupervisordProgram.isEquivalent(ours, to: theirs + "\n[program:b]\ncommand=x\n", app: app))
        #expect(!SupervisordProgram.isEquivalent(ours, to: theirs.replacing("A='1'", with: "A='2'"), app: app))
        #expect(!SupervisordProgram.isEquivalent(ours, to: "not a file", app: app))
    }

    @Test("supervisord.conf tells the address and the folder of programs")
    func mainFile() throws {
        let debian = try SupervisordSettings(
            """
            [unix_http_server]
            file=/var/run/supervisor.sock   ; (the path to the socket file)
            [supervisorctl]
            serverurl=unix:///var/run/supervisor.sock ; use a unix:// URL
            [include]
            files = /etc/supervisor/conf.d/*.conf
            """, path: "/etc/supervisor/supervisord.conf")
        #expect(debian.server == .unix(path: "/var/run/supervisor.sock"))
        #expect(debian.programFolder?.path == "/etc/supervisor/conf.d" && debian.programFolder?.suffix == ".conf")
        let inet = try SupervisordSettings(
            """
            [inet_http_server]
            port = *:9001
            username = %(ENV_WHO)s
            password = {SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d
            [include]
            files = /one.conf relative/*.ini
            """, path: "/etc/supervisord.conf", environment: ["WHO": "me"])
        #expect(inet.server == .inet(host: "127.0.0.1", port: 9001))
        #expect(inet.username == "me" && inet.password == nil)
        #expect(inet.programFolder?.path == "/etc/relative" && inet.programFolder?.suffix == ".ini")
        let nothing = try SupervisordSettings("[supervisord]\n", path: "/s.conf")
        #expect(nothing.server == nil && nothing.programFolder == nil)
        #expect(throws: DocumentError.self) {
            try SupervisordSettings("[supervisorctl]\nserverurl=ftp://x\n", path: "/s.conf")
        }
    }
}
