import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

/// A state folder that takes nothing: apps start, and are found again.
@Suite(.enabled(if: geteuid() == 0)) struct SupervisionStorageTests {
    private enum Trouble: String, CaseIterable, Sendable { case full, readOnly }

    /// A state folder on a file system of its own, and a place in memory beside it.
    private struct Place {
        let root: String
        var state: String { root + "/state" }
        var trees: Supervisor.Trees {
            var trees = Supervisor.Trees()
            trees.memory = root + "/memory"
            return trees
        }

        init() throws {
            root = try TemporaryFolder.make()
            mkdir(state, 0o755)
            try #require(mount("tmpfs", state, "tmpfs", 0, "size=64k,nr_inodes=64") == 0)
        }

        func make(_ trouble: Trouble) throws {
            switch trouble {
            case .readOnly: try #require(mount("tmpfs", state, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            case .full:
                var number = 0
                while case let file = open("\(state)/fill\(number)", O_WRONLY | O_CREAT, 0o600), file >= 0 {
                    var block = [UInt8](repeating: 1, count: 4_096)
                    while write(file, &block, block.count) > 0 {}
                    close(file)
                    number += 1
                }
                try #require(errno == ENOSPC)
            }
        }

        func relieve() {
            mount("tmpfs", state, "tmpfs", UInt(MS_REMOUNT), nil)
            for name in (try? FileManager.default.contentsOfDirectory(atPath: state)) ?? [] where name.hasPrefix("fill")
            {
                unlink("\(state)/\(name)")
            }
        }

        func remove() {
            umount2(state, Int32(MNT_DETACH))
            try? FileManager.default.removeItem(atPath: root)
        }
    }

    private func script(_ place: Place) -> String { "echo up $$ >>\(place.root)/trace; echo hello; exec sleep 1000" }

    private func bench(_ place: Place) throws -> SupervisionBench {
        try SupervisionBench(folder: place.state, trees: place.trees)
    }

    private func definition(_ bench: SupervisionBench, _ place: Place) throws -> ServiceDefinition {
        try bench.definition("web", script(place)) {
            $0.directory = place.root
            $0.output.path = place.root + "/log/web.log"
        }
    }

    private func log(_ place: Place) -> String {
        (try? String(contentsOfFile: place.root + "/log/web.log", encoding: .utf8)) ?? ""
    }

    @Test(
        "an app starts and restarts while the state folder takes nothing, and the next agent finds it",
        arguments: Trouble.allCases)
    private func starts(trouble: Trouble) throws {
        let place = try Place()
        defer { place.remove() }
        try place.make(trouble)
        let first = try bench(place)
        let definition = try definition(first, place)
        first.supervisor.apply([definition])
        let started = try #require(first.status("web"))
        #expect(started.state == .running && started.problem == nil, "\(started)")
        #expect(eventually { log(place) == "hello\n" })
        kill(try #require(started.pid), SIGKILL)
        #expect(eventually { first.status("web")?.restarts == 1 && first.status("web")?.state == .running })
        #expect(eventually { log(place) == "hello\nhello\n" }, "\(log(place))")
        let pid = try #require(first.status("web")?.pid)
        var info = stat()
        #expect(lstat(place.root + "/memory", &info) == 0 && info.st_mode & 0o7777 == 0o700)
        first.abandon()

        // While it lasts, and when it is over.
        let second = try bench(place)
        second.supervisor.apply([definition])
        #expect(second.status("web")?.pid == pid && second.status("web")?.adopted == true)
        second.abandon()
        place.relieve()
        let third = try bench(place)
        defer { third.end() }
        third.supervisor.apply([definition])
        #expect(third.status("web")?.pid == pid && third.status("web")?.adopted == true)
        kill(pid, SIGKILL)
        #expect(eventually { third.status("web")?.restarts == 1 && third.status("web")?.state == .running })
        #expect(eventually { log(place) == "hello\nhello\nhello\n" })
        let trace = try String(contentsOfFile: place.root + "/trace", encoding: .utf8)
        #expect(trace.split(separator: "\n").count == 3, "\(trace)")
        third.supervisor.shutdown()
        let memory = (try? FileManager.default.contentsOfDirectory(atPath: place.root + "/memory")) ?? []
        #expect(memory.isEmpty, "\(memory)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.state + "/run").isEmpty)
    }

    @Test(
        "an app that runs when the state folder fills or becomes read-only is restarted, and never doubled",
        arguments: Trouble.allCases)
    private func restarts(trouble: Trouble) throws {
        let place = try Place()
        defer { place.remove() }
        let first = try bench(place)
        let definition = try definition(first, place)
        first.supervisor.apply([definition])
        let before = try #require(first.status("web")?.pid)
        #expect(eventually { log(place) == "hello\n" })
        try place.make(trouble)
        kill(before, SIGKILL)
        #expect(eventually { first.status("web")?.restarts == 1 && first.status("web")?.state == .running })
        let pid = try #require(first.status("web")?.pid)
        first.abandon()
        let second = try bench(place)
        defer { second.end() }
        second.supervisor.apply([definition])
        #expect(eventually { log(place) == "hello\nhello\n" })
        #expect(second.status("web")?.pid == pid && second.status("web")?.adopted == true)
        #expect(try String(contentsOfFile: place.root + "/trace", encoding: .utf8).split(separator: "\n").count == 2)
    }

    @Test("a place in memory that others could write to, or that is a link, is refused")
    func refused() throws {
        for prepare in [
            { symlink("/tmp", $0) },
            { path in mkdir(path, 0o755) == 0 ? chmod(path, 0o777) : -1 },
            { path in mkdir(path, 0o755) == 0 ? chown(path, 1, 1) : -1 },
        ] as [(String) -> Int32] {
            let place = try Place()
            defer { place.remove() }
            try place.make(.full)
            #expect(prepare(place.root + "/memory") == 0)
            let bench = try bench(place)
            defer { bench.end() }
            try bench.supervisor.apply([definition(bench, place)])
            let status = try #require(bench.status("web"))
            #expect(
                status.state == .backoff && status.problem?.contains("which is not ours alone") == true, "\(status)")
        }
    }
}
