import Foundation
import Synchronization
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct ProcessTreeTests {
    final class Flag: Sendable {
        private let value = Lock(false)
        func set() { value.withLock { $0 = true } }
        var isSet: Bool { value.withLock { $0 } }
    }

    // MARK: the decision, as a table

    private static let app = ProcessTree(
        leader: 100, startTicks: 50, controlGroup: nil, search: .init(variable: "TREE", value: "app"))
    private static let other = ProcessTree(
        leader: 200, startTicks: 60, controlGroup: nil, search: .init(variable: "TREE", value: "other"))

    private static func process(
        _ pid: Int32, parent: Int32, session: Int32, start: UInt64 = 70
    ) -> ProcessFacts {
        ProcessFacts(pid: pid, startTicks: start, parent: parent, group: session, session: session)
    }

    /// gwe is 10, with the app 100 and what the case adds.
    private static func found(
        _ processes: [ProcessFacts], others: [ProcessTree] = [], known: Set<Int32> = [], getsOrphans: Bool = true,
        strangers: Set<Int32> = [], marked: Set<Int32> = [], othersMarked: Set<Int32> = [], program: Set<Int32> = [],
        leader: ProcessFacts? = process(100, parent: 10, session: 100, start: 50)
    ) -> [Int32] {
        var all =
            processes + [process(1, parent: 0, session: 1, start: 0), process(10, parent: 1, session: 10, start: 5)]
        if let leader { all.append(leader) }
        let world = ProcessTreeSearch.World(
            processes: all, own: 10, known: known.union([100, 200]), getsOrphans: getsOrphans, strangers: strangers,
            evidence: { marked.contains($0.pid) ? .ours : othersMarked.contains($0.pid) ? .others : .none },
            isProgramOfTree: { program.contains($0.pid) })
        return ProcessTreeSearch.descendants(of: app, besides: others, in: world)
    }

    @Test("who is of a tree is decided by session, mark and descent")
    func decided() {
        typealias Tests = ProcessTreeTests
        #expect(Tests.found([]) == [])
        let member = Tests.process(101, parent: 100, session: 100)
        #expect(Tests.found([member]) == [101])
        // The leader has gone, and its number is still held by the session.
        #expect(Tests.found([Tests.process(101, parent: 1, session: 100)], leader: nil) == [101])
        // The number has been given to a stranger with a session of its own.
        let reused = Tests.process(100, parent: 7, session: 100, start: 90)
        #expect(Tests.found([Tests.process(101, parent: 100, session: 100)], leader: reused) == [])
        // Its own session, by descent through the leader and through a member.
        let grandchild = Tests.process(103, parent: 102, session: 103)
        #expect(Tests.found([grandchild, Tests.process(102, parent: 100, session: 102)]) == [102, 103])
        // Adopted by process 1: only its mark tells, and its children come with it.
        let lost = Tests.process(104, parent: 1, session: 104)
        #expect(Tests.found([lost]) == [])
        #expect(Tests.found([lost, Tests.process(105, parent: 104, session: 104)], marked: [104]) == [104, 105])
        // Older than the app.
        #expect(Tests.found([Tests.process(106, parent: 1, session: 106, start: 20)], marked: [106]) == [])
    }

    @Test("an orphan that shows nothing belongs to the app only if it can be nobody else's")
    func orphans() {
        typealias Tests = ProcessTreeTests
        let orphan = Tests.process(110, parent: 10, session: 109)
        #expect(Tests.found([orphan]) == [110])
        #expect(Tests.found([orphan, Tests.process(111, parent: 110, session: 109)]) == [110, 111])
        #expect(Tests.found([orphan], getsOrphans: false) == [])
        #expect(Tests.found([orphan], known: [110]) == [], "somebody waits for it: an installer or a health command")
        #expect(Tests.found([orphan], strangers: [110]) == [], "an installer left it")
        #expect(Tests.found([orphan], strangers: [120]) == [], "an installer's may have made it")
        #expect(Tests.found([orphan], othersMarked: [110]) == [])
        #expect(Tests.found([orphan], others: [Tests.other]) == [], "two apps may have made it")
        #expect(Tests.found([orphan], others: [Tests.other], program: [110]) == [110])
        var held = Tests.other
        held.controlGroup = ControlGroup(path: "/x")
        #expect(Tests.found([orphan], others: [held]) == [110], "what the other made is in its group")
        var later = Tests.other
        later.startTicks = 80
        #expect(Tests.found([orphan], others: [later]) == [110])
        #expect(Tests.found([Tests.process(201, parent: 10, session: 200)], others: [Tests.other]) == [])
        #expect(Tests.found([Tests.process(112, parent: 1, session: 112)]) == [], "it is not our child")
    }

    @Test("neither the agent nor what started it is of a tree, although an app may have started it")
    func untouchable() {
        typealias Tests = ProcessTreeTests
        let shell = Tests.process(9, parent: 100, session: 100)
        let agent = Tests.process(10, parent: 9, session: 100)
        let world = ProcessTreeSearch.World(
            processes: [Tests.process(100, parent: 1, session: 100, start: 50), shell, agent], own: 10, known: [],
            getsOrphans: true, strangers: [], evidence: { _ in .ours }, isProgramOfTree: { _ in true })
        #expect(ProcessTreeSearch.descendants(of: Tests.app, besides: [], in: world) == [])
    }

    // MARK: real processes

    @Test("without a control group a tree is found by session, descent, mark and pipe, and ended whole")
    func realTree() throws {
        let scratch = TemporaryFolder()
        mkfifo(scratch("out"), 0o600)
        let pipe = open(scratch("out"), O_RDWR | O_CLOEXEC)
        let value = UUID().uuidString
        var request = SpawnRequest(
            executable: "/bin/sh",
            arguments: [
                "-c",
                """
                sleep 1000 &
                setsid sleep 1000 &
                (setsid sleep 1000 >/dev/null 2>&1 &)
                (env -i setsid sleep 1000 &)
                setsid sh -c 'env -i /bin/sleep 1000 >/dev/null 2>&1 & exec sleep 1000' &
                touch up; exec sleep 1000
                """,
            ],
            environment: ["TREE": value, "PATH": "/usr/bin:/bin"], directory: scratch.path)
        request.standardOutput = pipe
        request.standardError = pipe
        let pid = try ChildProcess.spawn(request)
        close(pipe)
        let facts = try #require(ProcessFacts(pid))
        let tree = ProcessTree(
            leader: pid, startTicks: facts.startTicks, controlGroup: nil,
            search: .init(variable: "TREE", value: value, pipes: [scratch("out")]))
        // All have become what they shall be: a shell on the way there counts too.
        var found: [Int32] = []
        let areSleeping = eventually {
            found = tree.descendants()
            return found.count == 6 && found.allSatisfy { ProcessFacts($0)?.program?.hasSuffix("/sleep") == true }
        }
        #expect(areSleeping, "\(found)")
        kill(pid, SIGKILL)
        _ = try ChildProcess.wait(pid)
        // The one that shows nothing but its parent is found as long as that lives.
        #expect(eventually { Set(tree.descendants()) == Set(found) }, "\(tree.descendants()) \(found)")
        #expect(tree.end(within: .seconds(60)))
        #expect(found.allSatisfy { ProcessFacts($0) == nil })
    }

    @Test("a child that has not begun its program is nobody's, though it holds all that this program has open")
    func childOnItsWay() throws {
        let scratch = TemporaryFolder()
        mkfifo(scratch("out"), 0o600)
        let pipe = open(scratch("out"), O_RDWR | O_CLOEXEC)
        defer { close(pipe) }
        let leader = try TestProcess("sleep", ["1000"])
        let facts = try #require(ProcessFacts(leader.pid))
        // What it writes before its execve(2) does not fit into this pipe.
        var full: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&full) == 0)
        for end in full {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        defer { for end in full { close(end) } }
        let filling = [UInt8](repeating: 0, count: 4_096)
        while write(full[1], filling, filling.count) > 0 {}
        _ = fcntl(full[1], F_SETFL, 0)
        let end = full[1]
        let spawned = Monitor<Int32?>(nil)
        let thread = try BackgroundThread("spawn") {
            var request = SpawnRequest(executable: "/bin/sleep", arguments: ["1000"], environment: [:])
            request.record = end
            let pid = try? ChildProcess.spawn(request)
            spawned.update { $0 = pid ?? -1 }
        }
        var child: Int32?
        let isThere = eventually {
            child =
                ProcessFacts.all.first { $0.parent == getpid() && $0.holds([scratch("out")]) && $0.session == $0.pid }?
                .pid
            return child != nil
        }
        #expect(isThere && spawned.look { $0 } == nil)
        let tree = ProcessTree(
            leader: leader.pid, startTicks: facts.startTicks, controlGroup: nil,
            search: .init(variable: "TREE", value: "none", pipes: [scratch("out")]))
        #expect(!tree.descendants().contains(child ?? 0))
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while read(full[0], &buffer, buffer.count) > 0 {}
        thread.join()
        #expect(spawned.look { $0 } == child)
        if let child {
            kill(child, SIGKILL)
            _ = try ChildProcess.wait(child)
        }
    }

    @Test("the environment is seen at every moment, also while the process begins another program")
    func environmentDuringExec() throws {
        let scratch = TemporaryFolder()
        let script = try scratch.write("again", "#!/bin/sh\nexec \"$0\"\n", mode: 0o755)
        let process = try TestProcess(script, [], environment: ["TREE": "app"])
        let facts = try #require(ProcessFacts(process.pid))
        #expect((0..<3_000).count { _ in facts.environment("TREE") != "app" } == 0)
        process.kill()
        #expect(facts.environment("TREE") == nil)
        let bare = try TestProcess("/bin/sleep", ["1000"], environment: [:])
        #expect(try #require(ProcessFacts(bare.pid)).environment("TREE") == nil)
    }

    @Test("a watch without a control group tells of each end")
    func watch() throws {
        let pid = try ChildProcess.spawn(
            .init(executable: "/bin/sh", arguments: ["-c", "sleep 1000 & exec true"], environment: ["PATH": "/bin"]))
        let tree = ProcessTree(
            leader: pid, startTicks: 0, controlGroup: nil, search: .init(variable: "NONE", value: ""))
        _ = try ChildProcess.wait(pid)
        let left = tree.descendants()
        #expect(left.count == 1)
        let loop = try EventLoop()
        let told = Flag()
        let watch = try ProcessTreeWatch(loop: loop, tree: tree, descendants: left) { told.set() }
        defer { watch.close() }
        ProcessTree.signal(SIGTERM, to: left)
        loop.run { told.isSet && tree.descendants().isEmpty }
    }
}
