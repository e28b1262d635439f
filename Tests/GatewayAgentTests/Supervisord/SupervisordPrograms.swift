import GatewayModel

/// A program that is run under supervisord and under gwe, what is done with it, and what comes of it.
struct SupervisordProgram {
    typealias States = [ServiceState]

    enum Outcome<Value: Sendable>: Sendable {
        case same(Value)
        /// An intended difference and its reason.
        case differs(supervisord: Value, gwe: Value, reason: String)

        var supervisord: Value {
            switch self {
            case .same(let value), .differs(let value, _, _): value
            }
        }
        var gwe: Value {
            switch self {
            case .same(let value), .differs(_, let value, _): value
            }
        }
    }

    var name: String
    /// Lines of the section, without command and directory.
    var keys: String
    // supervisord measures a life when it reaps, which may be late on a busy machine: hence `startsecs=20` for what is to end
    // before, and a sleep of 3 seconds where 1 is asked for.
    /// A shell script; `note WORDS` keeps a line, `first` holds in the first process only.
    var script: String
    /// In place of the script.
    var command: String?
    /// Done once the program noted "ready", or when it is FATAL or was never started.
    var verb: String?
    var states: Outcome<States>
    /// What it noted, sorted.
    var notes: Outcome<[String]> = .same([])
    /// The only process's name, or with `numprocs` those of all.
    var processes: [String]?

    static let stays = "exec sleep 1000"
    /// So that a trap is taken soon.
    static let listens = "while :; do sleep 0.2; done"
    static let restarted: Outcome<States> = .differs(
        supervisord: [.starting, .running, .exited, .starting, .running],
        gwe: [.starting, .running, .starting, .running],
        reason: "EXITED is where a process stays; a restart at once does not pass through it")
    /// Also for what seems to be final: the program may come with the next release, or the folder with a mount.
    static let unstartable: Outcome<States> = .differs(
        supervisord: [.starting, .backoff, .starting, .backoff, .fatal], gwe: [.starting, .backoff, .starting, .fatal],
        reason: "BACKOFF means that another attempt is due, so the last failure goes to FATAL directly")
    static let stopped: Outcome<States> = .same([.starting, .running, .stopping, .stopped])

    static let all: [SupervisordProgram] = [
        // Ends by themselves.
        .init(
            name: "at-once", keys: "startretries=1\nstartsecs=20", script: "exit 1", verb: "start",
            states: .differs(
                supervisord: [
                    .starting, .backoff, .starting, .backoff, .fatal, .starting, .backoff, .starting, .backoff, .fatal,
                ], gwe: [.starting, .backoff, .starting, .fatal, .starting, .backoff, .starting, .fatal],
                reason: "BACKOFF means that another attempt is due, so the last failure goes to FATAL directly")),
        .init(
            name: "expected-at-once", keys: "startretries=0\nstartsecs=20\nexitcodes=0,4", script: "exit 4",
            states: .differs(
                supervisord: [.starting, .backoff, .fatal], gwe: [.starting, .fatal],
                reason: "as at-once: before startsecs are over no code is expected, in both")),
        .init(
            name: "flaps", keys: "startretries=3\nstartsecs=20",
            script: "echo >>$0.runs; [ $(wc -l <$0.runs) -lt 3 ] && exit 1; \(stays)",
            states: .same([.starting, .backoff, .starting, .backoff, .starting, .running])),
        .init(
            name: "never-given-up", keys: "startsecs=20", script: "exit 1",
            states: .differs(
                supervisord: [
                    .starting, .backoff, .starting, .backoff, .starting, .backoff, .starting, .backoff, .fatal,
                ],
                gwe: [.starting, .backoff, .starting, .backoff, .starting, .backoff, .starting, .backoff, .starting],
                reason: "without startretries a service is never given up; supervisord's default is 3")),
        .init(
            name: "expected", keys: "exitcodes=0,2", script: "sleep 3; exit 2",
            states: .same([.starting, .running, .exited])),
        .init(
            name: "unexpected", keys: "exitcodes=2", script: "first && { sleep 3; exit 3; }; \(stays)",
            states: restarted),
        .init(
            name: "never-restarted", keys: "autorestart=false", script: "sleep 3; exit 3",
            states: .same([.starting, .running, .exited])),
        .init(
            name: "always", keys: "autorestart=true", script: "first && { sleep 3; exit 0; }; \(stays)",
            states: restarted),
        .init(
            name: "by-signal", keys: "autorestart=unexpected", script: "first && { sleep 3; kill -9 $$; }; \(stays)",
            states: restarted),
        .init(
            name: "no-startsecs", keys: "startsecs=0\nautorestart=false", script: "exit 0",
            states: .same([.starting, .running, .exited])),

        // Cannot be started.
        .init(
            name: "no-command", keys: "startretries=1\nstartsecs=20", script: "", command: "/no/such/program",
            states: unstartable),
        .init(
            name: "not-in-path", keys: "startretries=1\nstartsecs=20", script: "", command: "no-such-program-anywhere",
            states: unstartable),
        .init(
            name: "not-executable", keys: "startretries=1\nstartsecs=20", script: "", command: "/etc/passwd",
            states: unstartable),
        .init(name: "a-folder", keys: "startretries=1\nstartsecs=20", script: "", command: "/etc", states: unstartable),
        .init(
            name: "no-directory", keys: "startretries=1\nstartsecs=20\ndirectory=/no/such/folder", script: stays,
            states: unstartable),

        // Stopped.
        .init(
            name: "ignores-term", keys: "stopwaitsecs=1", script: "trap '' TERM; note ready; \(listens)", verb: "stop",
            states: stopped, notes: .same(["ready"])),
        .init(
            name: "notes-signals", keys: "stopsignal=INT",
            script: "for s in HUP INT QUIT TERM USR1; do trap \"note $s; exit 0\" $s; done; note ready; \(listens)",
            verb: "stop", states: stopped, notes: .same(["INT", "ready"])),
        .init(
            name: "stopped-by-kill", keys: "stopsignal=KILL",
            script: "trap 'note TERM; exit 0' TERM; note ready; \(listens)", verb: "stop", states: stopped,
            notes: .same(["ready"])),
        .init(
            name: "while-starting", keys: "startsecs=600",
            script: "trap 'note TERM; exit 0' TERM; note ready; \(listens)",
            verb: "stop", states: .same([.starting, .stopping, .stopped]), notes: .same(["TERM", "ready"])),
        .init(
            name: "restarted", keys: "", script: "trap 'note TERM; exit 0' TERM; first && note ready; \(listens)",
            verb: "restart",
            states: .differs(
                supervisord: [.starting, .running, .stopping, .stopped, .starting, .running],
                gwe: [.starting, .running, .stopping, .starting, .running],
                reason: "a restart is one command: STOPPED means that it stays so"),
            notes: .same(["TERM", "ready"])),
        .init(
            name: "by-hand", keys: "autostart=false", script: stays, verb: "start",
            states: .same([.starting, .running])),

        // Trees.
        .init(
            name: "stop-as-group", keys: "stopasgroup=true",
            script: tree(
                child: "trap 'note child TERM; exit 0' TERM", parent: "trap 'note parent TERM; wait $!; exit 0' TERM"),
            verb: "stop", states: stopped, notes: .same(["child TERM", "child ended", "parent TERM", "ready"])),
        .init(
            name: "stop-alone", keys: "", script: tree(child: "trap 'note child TERM; exit 0' TERM"), verb: "stop",
            states: stopped,
            notes: .differs(
                supervisord: ["child lives", "parent TERM", "ready"],
                gwe: ["child TERM", "child ended", "parent TERM", "ready"],
                reason: "a stop ends the whole tree: what is left gets the stop signal, and SIGKILL after stopwaitsecs")
        ),
        .init(
            name: "kill-as-group", keys: "killasgroup=true\nstopwaitsecs=1",
            script: tree(child: "trap '' TERM", parent: "trap '' TERM"), verb: "stop", states: stopped,
            notes: .same(["child ended", "ready"])),
        .init(
            name: "kill-alone", keys: "stopwaitsecs=1", script: tree(child: "trap '' TERM", parent: "trap '' TERM"),
            verb: "stop", states: stopped,
            notes: .differs(
                supervisord: ["child lives", "ready"], gwe: ["child ended", "ready"],
                reason: "SIGKILL goes to the whole tree, whatever killasgroup says")),
        .init(
            name: "leaves-child", keys: "autorestart=false", script: "sleep 1000 & echo $! >$0.child; sleep 3; exit 0",
            states: .same([.starting, .running, .exited]),
            notes: .differs(
                supervisord: ["child lives"], gwe: ["child ended"],
                reason: "what a process leaves behind when it ends is ended before the next one starts")),

        // Who they are.
        .init(
            name: "as-user", keys: "user=nobody\numask=027\nenvironment=A=\"x,y\",B='%(program_name)s'",
            script: "note $(id -un) $(umask) $A $B; \(stays)", states: .same([.starting, .running]),
            notes: .same(["nobody 0027 x,y as-user"])),
        .init(
            name: "several", keys: "numprocs=2\nprocess_name=%(program_name)s_%(process_num)02d",
            script: "note $SUPERVISOR_ENABLED $SUPERVISOR_GROUP_NAME $SUPERVISOR_PROCESS_NAME; \(stays)",
            states: .same([.starting, .running]), notes: .same(["1 several several_00", "1 several several_01"]),
            processes: ["several_00", "several_01"]),
    ]

    private static func tree(child: String, parent: String = "trap 'note parent TERM; exit 0' TERM") -> String {
        "( \(child); \(listens) ) & echo $! >$0.child; \(parent); note ready; \(listens)"
    }

    /// The file of a program that runs a script: `$0` is a path of its own in each of both folders.
    func file() -> String {
        """
        #!/bin/sh
        note() { echo "$*" >>$0.notes; }
        first() { [ ! -e $0.once ] && : >$0.once; }
        \(script)

        """
    }

    /// Its section in a folder.
    func section(_ folder: String) -> String {
        """
        [program:\(name)]
        command=\(command ?? "\(folder)/\(name)")
        directory=\(folder)
        stdout_logfile=NONE
        stderr_logfile=NONE
        \(keys)

        """
    }
}
