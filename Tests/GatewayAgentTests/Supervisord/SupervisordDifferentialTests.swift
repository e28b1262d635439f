import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Synchronization
import TestSupport
import Testing

/// The same programs at the same time under Debian's supervisord and under gwe: the same states in the same order, the same
/// signals; what differs on purpose is listed in `SupervisordProgram.all`.
@Suite struct SupervisordDifferentialTests {
    private func prepare(_ folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        chmod(folder, 0o777)
        for program in SupervisordProgram.all {
            let path = "\(folder)/\(program.name)"
            try program.file().write(toFile: path, atomically: true, encoding: .utf8)
            chmod(path, 0o755)
            try "".write(toFile: path + ".notes", atomically: true, encoding: .utf8)
            chmod(path + ".notes", 0o666)
        }
    }

    private func definitions(_ folder: String) throws -> [ServiceDefinition] {
        try SupervisordProgram.all.flatMap { program in
            let context = ServiceContext(release: "1", directory: folder, logFolder: folder + "/log")
            let app = try #require(AppName(program.name))
            return try PackageServiceFile.parse(
                program.section(folder), source: "supervisor.conf", app: app, context: context
            ).definitions
        }
    }

    private func notes(_ program: SupervisordProgram, _ folder: String) -> [String] {
        let text = (try? String(contentsOfFile: "\(folder)/\(program.name).notes", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    private func child(_ program: SupervisordProgram, _ folder: String) -> Int32? {
        let text = try? String(contentsOfFile: "\(folder)/\(program.name).child", encoding: .utf8)
        return text.flatMap { Int32($0.dropLast()) }
    }

    /// Whether a verb may be given: the program is where the verb is meant to find it.
    private func isReady(_ program: SupervisordProgram, _ folder: String, _ states: [ServiceState]) -> Bool {
        switch program.verb {
        case "start": return program.keys.contains("autostart=false") || states.last == .fatal
        case "stop" where program.keys.contains("startsecs=600"): return notes(program, folder).contains("ready")
        default: return notes(program, folder).contains("ready") && states.last == .running
        }
    }

    @Test("supervisord and gwe take the same programs through the same states and signals, but for what is listed")
    func programs() throws {
        let root = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: root) }
        chmod(root, 0o755)
        let (theirs, ours) = (root + "/supervisord", root + "/gwe")
        try prepare(theirs)
        try prepare(ours)
        let all = SupervisordProgram.all
        let bench = try SupervisionBench(folder: ours)
        defer { bench.end() }
        let peer = try SupervisordPeer(folder: theirs, programs: all.map { $0.section(theirs) }.joined())
        defer {
            peer.end()
            for program in all { if let child = child(program, theirs) { kill(child, SIGKILL) } }
        }
        bench.supervisor.apply(try definitions(ours))

        func states(_ program: SupervisordProgram, _ process: String) -> (peer: [ServiceState], gwe: [ServiceState]) {
            let key = program.processes == nil ? program.name : "\(program.name):\(process)"
            var own = bench.history(key)
            // It goes on for ever.
            if program.name == "never-given-up" { own = Array(own.prefix(program.states.gwe.count)) }
            return (peer.history("\(program.name):\(process)"), own)
        }
        let acting = all.filter { $0.verb != nil }
        #expect(
            eventually {
                acting.allSatisfy { program in
                    let states = states(program, program.name)
                    return isReady(program, theirs, states.peer) && isReady(program, ours, states.gwe)
                        && FileManager.default.fileExists(atPath: theirs + "/sock")
                }
            }, "\(acting.filter { !isReady($0, theirs, states($0, $0.name).peer) }.map(\.name))")
        let verbs = acting.map { ($0.verb ?? "", $0.name) }
        let left = Atomic<Int>(verbs.count)
        for (verb, name) in verbs {
            let app = try bench.app(name)
            Thread.detachNewThread {
                switch verb {
                case "stop": _ = bench.supervisor.stop(app)
                case "restart": _ = bench.supervisor.restart(app)
                default: _ = bench.supervisor.start(app)
                }
                left.subtract(1, ordering: .relaxed)
            }
        }
        try peer.act(verbs.map { (verb: $0.0, program: $0.1) })
        _ = eventually { left.load(ordering: .relaxed) == 0 }
        _ = eventually {
            all.allSatisfy { program in
                (program.processes ?? [program.name]).allSatisfy { process in
                    let states = states(program, process)
                    return states.peer.count >= program.states.supervisord.count
                        && states.gwe.count >= program.states.gwe.count
                }
            }
        }

        for program in all {
            for process in program.processes ?? [program.name] {
                let states = states(program, process)
                #expect(states.peer == program.states.supervisord, "supervisord: \(program.name)")
                #expect(states.gwe == program.states.gwe, "gwe: \(program.name)")
            }
            func noted(_ folder: String) -> [String] {
                var noted = notes(program, folder)
                if let child = child(program, folder) {
                    noted.append(supervisionAlive(child) ? "child lives" : "child ended")
                }
                return noted.sorted()
            }
            let (peerNotes, ownNotes) = (program.notes.supervisord, program.notes.gwe)
            #expect(eventually { noted(theirs) == peerNotes }, "\(program.name): \(noted(theirs))")
            #expect(eventually { noted(ours) == ownNotes }, "\(program.name): \(noted(ours))")
            if case .differs(let a, let b, let reason) = program.states { #expect(a != b && !reason.isEmpty) }
            if case .differs(let a, let b, let reason) = program.notes { #expect(a != b && !reason.isEmpty) }
        }
    }

    @Test("a user who does not exist: supervisord refuses its whole configuration, gwe that one app")
    func noSuchUser() throws {
        let bench = try SupervisionBench()
        defer { bench.end() }
        let program = SupervisordProgram(
            name: "no-user", keys: "user=nosuchuser", script: "", command: "/bin/sleep 1000", states: .same([]))
        let refusal = try #require(
            try SupervisordPeer.refusal(folder: bench.folder, programs: program.section(bench.folder)))
        #expect(refusal.contains("Invalid user name nosuchuser"), "\(refusal)")
        let conf = try PackageServiceFile.parse(
            program.section(bench.folder), source: "supervisor.conf", app: bench.app("no-user"),
            context: .init(release: "1", directory: bench.folder, logFolder: bench.folder))
        bench.supervisor.apply([conf.definition, try bench.definition("other", "exec sleep 1000")])
        #expect(eventually { bench.history("no-user") == [.starting, .fatal] })
        #expect(eventually { bench.status("other")?.state == .running })
        #expect(bench.status("no-user")?.problem?.contains("nosuchuser") == true, "\(bench.status("no-user") as Any)")
    }
}
