import Foundation
import GatewayModel
import Testing

/// The same texts read by gwe and by the options.py of Debian's supervisord.
@Suite struct SupervisorConfDifferentialTests {
    /// Defaults that are Gateway Engine's, not supervisord's, are said, so that only what a case says is compared.
    private static let head = """
        [program:demo]
        command=run
        startretries=3
        redirect_stderr=false
        stdout_logfile_maxbytes=50MB
        stdout_logfile_backups=10
        stderr_logfile_maxbytes=50MB
        stderr_logfile_backups=10

        """

    /// Lines of a section that both understand in the same way, or both refuse.
    private static let same = [
        // Integers, as Python's int() reads them.
        "priority=5", "priority=-5", "priority=+5", "priority= 1_000", "priority=1__0", "priority=_1", "priority=1_",
        "priority=", "priority=0x10", "priority=1.0", "priority=five", "priority=007", "priority=- 5",
        "startsecs=0", "startsecs=-3", "startsecs=1s", "startretries=0", "startretries=-1", "stopwaitsecs=60",
        "stopwaitsecs=", "startsecs=%(ENV_NUMBER)s", "startsecs=%(ENV_SPACED)s", "startsecs=%(ENV_EMPTY)s",
        // Words for true and false.
        "autostart=YES", "autostart=True", "autostart=on", "autostart=1", "autostart=no", "autostart=FALSE",
        "autostart=off", "autostart=0", "autostart=y", "autostart=2", "autostart=", "autostart=enabled",
        "autorestart=unexpected", "autorestart=Unexpected", "autorestart=true", "autorestart=0", "autorestart=off",
        "autorestart=always", "autorestart=", "autorestart=expected",
        "redirect_stderr=true", "redirect_stderr=ja", "stopasgroup=true", "killasgroup=true",
        "stopasgroup=true\nkillasgroup=false", "stopasgroup=false\nkillasgroup=true", "stopasgroup=maybe",
        // Exit codes.
        "exitcodes=0", "exitcodes=0,2", "exitcodes=0, 2 ,255", "exitcodes=", "exitcodes=0,", "exitcodes=,",
        "exitcodes=256", "exitcodes=-1", "exitcodes=0;2", "exitcodes=0 ;2", "exitcodes=a", "exitcodes=0 2",
        "exitcodes=1_0", "exitcodes=0,\n  3",
        // Signals.
        "stopsignal=TERM", "stopsignal=SIGTERM", "stopsignal=term", "stopsignal=sigint", "stopsignal=15",
        "stopsignal=9", "stopsignal=USR2", "stopsignal=QUIT", "stopsignal=WINCH", "stopsignal=CLD",
        "stopsignal=POLL", "stopsignal=IOT", "stopsignal=RTMIN", "stopsignal=RTMAX", "stopsignal=64",
        "stopsignal=35", "stopsignal=65", "stopsignal=-15", "stopsignal=STOPP", "stopsignal=", "stopsignal=SIG",
        "stopsignal=SIGSIGTERM", "stopsignal=TERM INT", "stopsignal=STKFLT", "stopsignal= 1_5",
        // Sizes.
        "stdout_logfile_maxbytes=0", "stdout_logfile_maxbytes=1024", "stdout_logfile_maxbytes=1KB",
        "stdout_logfile_maxbytes=5mb", "stdout_logfile_maxbytes=2Gb", "stdout_logfile_maxbytes=1 KB",
        "stdout_logfile_maxbytes=1.5MB", "stdout_logfile_maxbytes=1M", "stdout_logfile_maxbytes=2TB",
        "stdout_logfile_maxbytes=", "stdout_logfile_maxbytes=KB", "stdout_logfile_maxbytes=-1",
        "stdout_logfile_maxbytes=-1KB", "stdout_logfile_maxbytes=1_0KB", "stderr_logfile_maxbytes=3kB",
        "stderr_logfile_maxbytes=x", "redirect_stderr=true\nstderr_logfile_maxbytes=x",
        "stdout_logfile_backups=0", "stdout_logfile_backups=3", "stdout_logfile_backups=-2",
        "stdout_logfile_backups=many", "stderr_logfile_backups=7", "stderr_logfile_backups=",
        // Umask.
        "umask=022", "umask=22", "umask=0o22", "umask=0O027", "umask=0", "umask=777", "umask=9", "umask=", "umask=0x1",
        "umask=u=rwx", "umask=0_2_2", "umask=0o_22", "umask=0o",
        // Users.
        "user=root", "user=0", "user=nobody", "user=65534", "user=%(ENV_NUMBER)s",
        // Names of log files.
        "stdout_logfile=AUTO", "stdout_logfile=auto", "stdout_logfile=NONE", "stdout_logfile=off",
        "stdout_logfile=/tmp/out.log", "stderr_logfile=None", "stderr_logfile=/tmp/err.log",
        "redirect_stderr=true\nstderr_logfile=/tmp/err.log", "redirect_stderr=true\nstderr_logfile=NONE",
        "stdout_logfile=/tmp/%(program_name)s-%(process_num)d-%(ENV_NUMBER)s.log",
        "stdout_logfile=/tmp/%(nothing)s", "environment=D=\"/tmp\"\nstdout_logfile=%(ENV_D)s/x.log",
        // Directory.
        "directory=/tmp", "directory=%(here)s/sub", "directory=/x %(host_node_name)s", "directory=/%(group_name)s",
        "environment=D=\"/d\"\ndirectory=%(ENV_D)s",
        // Commands, split into words.
        "command=/bin/a  b\tc", "command='a b' \"c d\" e\\ f", "command=a \"b \\\" \\\\ \\c\" 'd\\e'",
        "command=a '' \"\"",
        "command=a\"b\"'c'd", "command=a ;b", "command=a;b", "command=a#b", "command=a #b", "command=a \\;b",
        "command=a\n  b\n  c", "command=a\n\n  b", "command=a\n  # no\n  b", "command=a ü 日本", "command=a=b:c",
        "command : a", "Command=A", "COMMAND = a", "command=one\ncommand=two",
        // Expansions, as Python's % formats.
        "command=%(program_name)s %(group_name)s %(host_node_name)s %(here)s", "command=%(ENV_HOME)s %(ENV_LIST)s",
        "command=a%%b", "command=%(ENV_NOPE)s", "command=100%", "command=%(program_name)", "command=%(program_name",
        "command=%(process_num)d %(process_num)02d %(process_num)s %(process_num)5d.", "command=x%(process_num)-4dx",
        "command=%(process_num)+d %(process_num)i %(process_num)u", "command=% d", "command=%d", "command=%q",
        "command=%(numprocs)d %(numprocs)03x %(numprocs)#x %(numprocs)#o %(numprocs)X", "command=%(process_num).3d",
        "command=%(process_num)8.3d %(process_num)-8.3dx", "command=%(program_name).2s %(program_name)10s",
        "command=%(program_name)-10sx %(program_name)010s", "command=%(ENV_NUMBER)d", "command=%(ENV_NUMBER)s",
        "command=%(process_num)ld %(process_num)hd", "command=%(program_name)q", "command=%(a(b)c)s",
        "command=%(ENV_A)s\nenvironment=A=1", "command=%(ENV_A)s\nenvironment=A=%(process_num)d",
        "priority=%(process_num)d", "priority=%(numprocs)d", "numprocs=%(ENV_NUMBER)s\nprocess_name=%(process_num)d",
        "autostart=%(ENV_EMPTY)strue", "user=%(ENV_NOPE)s", "environment=A=%(ENV_B)s,B=1",
        // Environment.
        "environment=A=1", "environment=A=1,B=2", "environment=A=\"x,y\",B='z'", "environment=A=\"x\nB=2",
        "environment=A='it''s'", "environment=A=\"a\"b", "environment=A=a b", "environment=A=a,b", "environment=A",
        "environment=A=", "environment==1", "environment=A=1,", "environment=A=1,,B=2", "environment=,A=1",
        "environment=A=1 B=2", "environment=A=/x/y:z.d-e+(f)", "environment=A=a=b", "environment=A=a@b",
        "environment=A=%(ENV_HOME)s", "environment=A=\"%(ENV_SPACED)s\"", "environment=A=%(ENV_SPACED)s",
        "environment=A=%(ENV_LIST)s", "environment=A=%(ENV_NOPE)s", "environment=A=\"100%%\"", "environment=A=100%",
        "environment=\n  A=1,\n  B=2", "environment=A=1,\n  # comment\n  B=2", "environment=A=1 ; comment",
        "environment=A=1;B=2", "environment=A=\"a;b\"", "environment=A=\"a ;b\"", "environment=A=\"a#b\"",
        "environment=A=a#b", "environment=A=\"\",B=''", "environment=A='\"x\"'", "environment=A=\"'x'\"",
        "environment=A=ü", "environment=A=\"ü\"", "environment=Ä=1", "environment=A=$HOME", "environment=A=\\x",
        "environment=A=\"\\\"\"", "environment=\"A\"=1", "environment=A-B=1", "environment=", "environment=A=1,A=2",
        "environment=A=x'y'z,B=1", "environment=A='x' 'y'", "environment=A=\"x\",B",
        // Several processes.
        "numprocs=2\nprocess_name=%(program_name)s_%(process_num)02d", "numprocs=2", "numprocs=2\nprocess_name=x",
        "numprocs=3\nnumprocs_start=8\nprocess_name=p%(process_num)02d\ncommand=run %(process_num)d of %(numprocs)d",
        "numprocs=2\nprocess_name=p%(process_num)d\nenvironment=N=%(process_num)d\ndirectory=/d%(ENV_N)s",
        "numprocs=2\nprocess_name=p%(process_num)d\nstdout_logfile=/tmp/%(process_num)d.log", "numprocs=x",
        "numprocs=2\nprocess_name=p%(process_num)d%(nothing)s", "numprocs_start=5\ncommand=%(process_num)d",
        "numprocs_start=x", "numprocs_start=-2\ncommand=%(process_num)03d", "process_name=other", "process_name=a b",
        "process_name=a:b", "process_name=a/b", "process_name= x", "process_name=%(host_node_name)s",
        "numprocs=1\nprocess_name=%(process_num)d",
        // Ignored by gwe; but what supervisord refuses is refused.
        "stdout_capture_maxbytes=1MB", "stdout_capture_maxbytes=x", "stderr_capture_maxbytes=-", "serverurl=AUTO",
        "stdout_events_enabled=true", "stdout_events_enabled=2", "stderr_events_enabled=no", "stderr_events_enabled=x",
        "stdout_syslog=true", "stdout_syslog=x", "stderr_syslog=perhaps", "serverurl=unix:///x.sock", "unknown_key=1",
        "serverurl=%(nothing)s",
    ]

    /// Whole files.
    private static let files = [
        "", "\n\n", "; nothing", "[program:demo]", "command=x", "[program:demo]\nnonsense",
        "[program:demo]\n=x\ncommand=x",
        "[program:demo]\ncommand", "[program:demo]\r\ncommand=x\r\npriority=3\r\n", "[program:demo\ncommand=x",
        "[program:demo] ; comment\ncommand=x", "[program:demo]trailing\ncommand=x", "  [program:demo]\ncommand=x",
        "[program:demo]\n  command=x\n  priority=3", "[program:demo]\ncommand=x\n priority=3\n",
        "[program:demo]\ncommand=x\n[program:demo]\npriority=3", "[DEFAULT]\npriority=4\n[program:demo]\ncommand=x",
        "[program:demo]\ncommand=x\n[DEFAULT]\npriority=4",
        "[DEFAULT]\npriority=4\n[program:demo]\ncommand=x\npriority=5",
        "# a\n; b\n[program:demo]\n#command=y\n;command=z\ncommand=x", "[program:demo]\ncommand = x = y : z",
        "[program:demo]\ncommand=a\n\n\n  b\n\npriority=3\n", "[program:demo]\ncommand=x\n\tpriority=3",
        "[other]\nautostart=true\n[program:demo]\ncommand=x\nautostart=false",
    ]

    /// Intended differences: lines, what gwe makes of it, and why. Each must still be one.
    private static let different: [(lines: String, reason: String)] = [
        ("numprocs=0", "supervisord has a program without processes then; gwe says that it is a mistake"),
        ("numprocs=-1", "as numprocs=0"),
        ("numprocs=101\nprocess_name=%(process_num)d", "a hundred processes of one app are enough on a gateway"),
        ("numprocs=2\nprocess_name=p%(process_num).0s", "two processes of one name: supervisord runs only one of them"),
        ("process_name=%(ENV_SPACED)s", "a bad name is a bad name also where an expansion brings it"),
        ("process_name=", "supervisord runs a process without a name"),
        ("stopsignal=0", "signal 0 would stop nothing before SIGKILL comes"),
        ("stopsignal=_DFL", "Python's SIG_DFL is no signal"),
        ("umask=-1", "a negative umask is a mistake"),
        ("umask=7777", "umask(2) has nine bits; both end up with 0777"),
        ("startsecs=99999999999", "more than 31 years are taken as 31 years"),
        ("stdout_logfile_backups=5000", "at most 1000 rotated files are kept, which is said"),
        ("user=nosuchuser", "said when the app is to start: another release or a later user can help"),
        ("user=4294967", "as for names: supervisord asks the user database, gwe takes any number"),
        ("command=", "supervisord says so at the start of the process and becomes FATAL; gwe with the line"),
        ("command=a 'b", "as an empty command"),
        ("command=date +%s", "supervisord puts the text of Python's dictionary of all expansions there"),
        ("command=%(program_name)r", "Python's quoting is nothing for a command line"),
        ("command=%(process_num)5.1f", "numbers of processes have no fractions"),
        ("stdout_logfile=/tmp/100%%.log", "supervisord expands this key twice and refuses '%.'"),
        ("stdout_logfile=/no/such/folder/x.log", "gwe makes the folder, or says in the status why it cannot"),
        ("stdout_logfile=x.log", "relative to the log folder, not to where supervisord was started"),
        ("stdout_logfile=~/x.log", "the home of which user?"),
        ("directory=sub", "relative to the release, not to where supervisord was started"),
        ("directory=~/x", "supervisord takes ~ for the name of a folder"),
        ("stdout_logfile=syslog", "there may be no syslog on a gateway: a note, and the default file"),
        ("stdout_logfile=/tmp/a.log\nstderr_logfile=/tmp/a.log", "two writers of one file tear lines: as redirected"),
        (
            "numprocs=2\nprocess_name=p%(process_num)d\nstdout_logfile=/tmp/a.log",
            "two writers of one file: each process gets its own, with a note"
        ),
        ("priority=٣", "Python reads the digits of all scripts"),
        ("priority=99999999999999999999", "too large for 64 bits: taken as the largest number"),
    ]
    private static let differentFiles: [(file: String, reason: String)] = [
        ("\u{FEFF}[program:demo]\ncommand=x", "an editor on Windows writes a byte order mark"),
        ("[supervisord]\ncommand=x", "the section of a package as Gateway Engine has it, renamed when it installs it"),
        (
            "[program:demo]\ncommand=x\n[program:other]\ncommand=y",
            "a package is one app: a second program is a mistake"
        ),
    ]

    @Test("gwe reads, and refuses, each value of each key as supervisord does")
    func values() throws {
        let texts = Self.same.map { Self.head + $0 + "\n" } + Self.files.map { $0.isEmpty ? $0 : $0 + Self.rest($0) }
        let peer = try SupervisordOptions.peer(texts)
        #expect(peer.count == texts.count)
        for (text, theirs) in zip(texts, peer) {
            let ours = SupervisordOptions.gwe(text)
            #expect(
                ours == theirs,
                "\(text.replacingOccurrences(of: Self.head, with: ""))\n ours: \(ours)\n its:  \(theirs)")
        }
        // Both kinds are there.
        #expect(peer.count { $0.processes == nil } > 80 && peer.count { $0.processes != nil } > 150)
    }

    /// Texts put together from the pieces that the grammars of both levels are made of.
    @Test("gwe reads what chance puts together as supervisord does")
    func chance() throws {
        var generator = Generator(state: 0x9E37_79B9_7F4A_7C15)
        let inEnvironment = [
            "A", "B", "=", "=", ",", ",", "\"", "'", " ", "x", ";", " ;", "#", "\n  ", "/", ".", "\\", "-", "(", ")",
            "@",
            "ü", "%%", "%(ENV_LIST)s", "%(process_num)02d", "\t",
        ]
        let inFile = [
            "[program:demo]\n", "\n", "\n", "\n  ", "\n\t", "command", "priority", "=", ":", " ", "x", "3", ";", " ;",
            "#",
            " #", "\"y\"", "'", "\\", "[", "]", "\ncommand=z\n", "\npriority=4\n", "%%", "\r\n",
        ]
        var texts: [String] = []
        for _ in 0..<600 {
            texts.append(Self.head + "environment=" + generator.pieces(inEnvironment) + "\n")
            texts.append(Self.head + "command=x" + generator.pieces(inFile) + "\n")
            texts.append(
                Self.head + "command=x" + generator.pieces(["a", " ", "\"", "'", "\\", "\n  ", "ü", ";", "b"]) + "\n")
        }
        let peer = try SupervisordOptions.peer(texts)
        var accepted = 0
        for (text, theirs) in zip(texts, peer) {
            let command = theirs.processes?.first?["command"] ?? ""
            // gwe refuses these, as the list of differences says.
            if command == "[]" || command.hasPrefix("[\"cannot be started") { continue }
            let ours = SupervisordOptions.gwe(text)
            if theirs.processes != nil { accepted += 1 }
            #expect(ours == theirs, "\(text.debugDescription)\n ours: \(ours)\n its:  \(theirs)")
        }
        #expect(accepted > 300, "\(accepted)")
    }

    private struct Generator {
        var state: UInt64

        mutating func next(below count: Int) -> Int {
            // xorshift64 (Marsaglia 2003)
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state >> 33) % count
        }

        mutating func pieces(_ pieces: [String]) -> String {
            (0..<next(below: 12) + 1).map { _ in pieces[next(below: pieces.count)] }.joined()
        }
    }

    /// The keys whose defaults differ, behind a file that does not end within a value.
    private static func rest(_ file: String) -> String {
        "\n" + head.split(separator: "\n").dropFirst(2).joined(separator: "\n") + "\n"
    }

    @Test("each intended difference is one")
    func differences() throws {
        let texts =
            Self.different.map { Self.head + $0.lines + "\n" }
            + Self.differentFiles.map { $0.file + Self.rest($0.file) }
        let peer = try SupervisordOptions.peer(texts)
        for (text, theirs) in zip(texts, peer) {
            #expect(SupervisordOptions.gwe(text) != theirs, "no difference any more: \(text)")
        }
    }

    @Test("of the defaults, those of the retries and the logs differ: they are Gateway Engine's")
    func defaults() throws {
        let text = "[program:demo]\ncommand=run\n"
        let ours = try #require(SupervisordOptions.gwe(text).processes?.first)
        let theirs = try #require(SupervisordOptions.peer([text])[0].processes?.first)
        let differing = ours.keys.filter { ours[$0] != theirs[$0] }.sorted()
        #expect(ours.keys.sorted() == theirs.keys.sorted())
        #expect(
            differing == [
                "redirect", "startretries", "stderr_backups", "stderr_logfile", "stderr_maxbytes", "stdout_backups",
                "stdout_maxbytes",
            ])
    }
}
