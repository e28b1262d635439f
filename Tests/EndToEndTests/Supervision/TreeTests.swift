import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Process trees under the real daemon: as process 1, and on a machine without cgroup v2.
@Suite("Process trees") struct TreeTests {
    private func package(_ name: String, _ script: String) -> TestPackage {
        .quickService(name, "1", extra: ["bin/run": .script(script)])
    }

    private func name(_ packages: [TestPackage], on gateway: GatewayFixture) throws {
        var text = "schema: gwe/v1\napps:\n"
        for package in packages {
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            text += "  \(package.name): {version: \"\(package.version)\", artifact: {path: \(path)}}\n"
        }
        try gateway.manifest(text)
    }

    /// Runs `gwe run` below other programs and a piece beside it. The piece gets the outermost process.
    private func run(
        _ gateway: GatewayFixture, _ program: String, _ arguments: [String], _ body: (TestProcess) throws -> Void
    ) throws {
        let daemon = try TestProcess(
            program, arguments + ["\(Repository.products)/gwe", "run"],
            environment: [
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": gateway.root,
                "LC_ALL": "C.UTF-8", "GWE_CONFIG_DIR": gateway.configFolder, "GWE_STATE_DIR": gateway.stateFolder,
                "GWE_LOG_DIR": gateway.logFolder,
            ], scratch: gateway.root + "/scratch")
        let isUp = eventually { (daemon.out + daemon.err).contains("is up, socket") }
        #expect(isUp, "\(daemon.out)\(daemon.err)")
        try body(daemon)
    }

    /// The marked processes of all pid namespaces, and what is left of them as zombies.
    private func processes(_ folder: String) -> [ProcessFacts] {
        ProcessFacts.all.filter { $0.environment("GWE_STATE_DIR") == folder }
    }

    private func zombies(childrenOf parent: Int32) -> [Int32] {
        gatewayNumbers().filter { pid in
            guard let facts = ProcessFacts(pid, withZombies: true) else { return false }
            return facts.isZombie && facts.parent == parent
        }
    }

    private func gatewayNumbers() -> [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    @Test("as process 1, gwe reaps what apps leave behind, and SIGTERM ends everything with exit code 0")
    func processOne() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let script = """
            for i in 1 2 3 4 5; do (setsid sh -c 'sleep 0.2; echo x >>\(gateway.root)/orphans' &); done
            trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done
            """
        try name([package("web", script)], on: gateway)
        try run(gateway, "/usr/bin/unshare", ["--pid", "--fork", "--mount-proc"]) { daemon in
            let one = try #require(
                gatewayNumbers().first { ProcessFacts($0)?.parent == daemon.pid }, "unshare has a child")
            try gateway.eventually("the orphans have ended") {
                gateway.read(gateway.root + "/orphans") == "x\nx\nx\nx\nx\n"
            }
            // They were its own: process 1 of their namespace has nobody above it.
            try gateway.eventually("no zombie is left") { zombies(childrenOf: one).isEmpty }
            #expect(try gateway.gwe("status").out.contains("RUNNING"))
            let left = processes(gateway.stateFolder).map(\.pid)
            kill(one, SIGTERM)
            let ran = daemon.wait()
            #expect(ran.code == 0, "\(ran)")
            #expect(gateway.read(gateway.logFolder + "/web.log")?.hasSuffix("bye\n") == true)
            #expect(left.allSatisfy { ProcessFacts($0) == nil })
        }
    }

    @Test(
        "without cgroup v2, a stop ends what left its parent, session, environment and output; an installer's daemon stays"
    )
    func withoutControlGroups() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let hidden = { (file: String) in
            "(env -i setsid sh -c 'echo $$ >>\(gateway.root)/\(file); exec sleep 1000' </dev/null >/dev/null 2>&1 &)"
        }
        let web = package("web", hidden("hidden") + "\n(setsid true &)\nexec sleep 1000")
        try name([web], on: gateway)
        // As on a machine that has none: whatever is mounted is taken away, for this daemon only.
        let script = """
            while point=$(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo); [ -n "$point" ]; do
                umount -l "$point" || exit 9
            done
            exec "$@"
            """
        try run(gateway, "/usr/bin/unshare", ["--mount", "/bin/sh", "-c", script, "sh"]) { daemon in
            try gateway.eventually("the orphan runs") {
                gateway.read(gateway.root + "/hidden")?.hasSuffix("\n") == true
            }
            let orphan = try #require(Int32((gateway.read(gateway.root + "/hidden") ?? "").dropLast()))
            try gateway.eventually("it came to gwe") { ProcessFacts(orphan)?.parent == daemon.pid }
            try gateway.eventually("no zombie is left") { zombies(childrenOf: daemon.pid).isEmpty }
            #expect(try gateway.gwe("stop", "web").code == 0)
            #expect(ProcessFacts(orphan) == nil)

            // An installer's daemon came the same way, while an app ran.
            #expect(try gateway.gwe("start", "web").code == 0)
            let tool = TestPackage("tool", "1", files: ["install.sh": .script(hidden("stranger"))])
            try name([web, tool], on: gateway)
            try gateway.eventually("the tool is installed") { try gateway.row("tool")["installed"]?.string == "1" }
            let stranger = try #require(Int32((gateway.read(gateway.root + "/stranger") ?? "").dropLast()))
            defer { kill(stranger, SIGKILL) }
            #expect(ProcessFacts(stranger)?.parent == daemon.pid)
            #expect(try gateway.gwe("stop", "web").code == 0)
            #expect(ProcessFacts(stranger) != nil, "an installer's daemon is not the app's")
            // What the app hid this time cannot be told from the installer's: it stays, which is the lesser harm.
            for line in (gateway.read(gateway.root + "/hidden") ?? "").split(separator: "\n") {
                if let pid = Int32(line), ProcessFacts(pid)?.parent == daemon.pid { kill(pid, SIGKILL) }
            }
            daemon.send(SIGTERM)
            #expect(daemon.wait().code == 0)
        }
    }
}
