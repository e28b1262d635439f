import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Apps of a pass become durable and come into force together (D102): what that costs, and what each may rely on.
@Suite("Apps that share their syncs") struct SharedSyncTests {
    private func gateway(_ packages: [TestPackage], requiring: [String: String] = [:]) throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try wish(packages, on: gateway, requiring: requiring)
        return gateway
    }

    private func wish(
        _ packages: [TestPackage], on gateway: GatewayFixture, requiring: [String: String] = [:]
    ) throws {
        var text = "schema: gwe/v1\napps:\n"
        for package in packages {
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            text += "  \(package.name): {version: \"\(package.version)\", artifact: {path: \(path)}"
            text += requiring[package.name].map { ", requires: [\($0)]}\n" } ?? "}\n"
        }
        try gateway.manifest(text)
    }

    /// Runs gwe under strace, which is its child: the process is gwe itself.
    private func reconcile(_ gateway: GatewayFixture, _ trace: [String]) throws -> Ran {
        try? FileManager.default.removeItem(atPath: gateway.root + "/trace")
        return try TestProcess(
            "/usr/bin/strace",
            ["-D", "-f", "-qq", "-o", gateway.root + "/trace"] + trace
                + [Repository.products + "/gwe", "reconcile"],
            environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
    }

    /// The syncs of a pass that installs these apps on a gateway that was in use before, and how long it took.
    private func syncs(_ count: Int) throws -> (number: Int, seconds: Int, lines: [Substring]) {
        let gateway = try gateway([])
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        #expect(try gateway.gwe("reconcile").code == 0)
        let packages = (1...count).map { TestPackage.oneOff("app\($0)", "1") }
        try wish(packages, on: gateway)
        let began = MonotonicTime.now
        let ran = try reconcile(gateway, ["-e", "trace=fsync,fdatasync,syncfs,sync,msync,sync_file_range"])
        let seconds = began.duration(to: .now).components.seconds
        #expect(ran.code == 0, "\(ran)")
        for package in packages { #expect(gateway.current(package.name) != nil, "\(package.name)") }
        // strace writes beside gwe, and ends after it.
        let isWritten = TestSupport.eventually { gateway.read(gateway.root + "/trace")?.contains("journal.db") != nil }
        #expect(isWritten)
        let lines = (gateway.read(gateway.root + "/trace") ?? "").split(separator: "\n").filter {
            $0.contains("sync") && !$0.contains("resumed>")
        }
        return (lines.count, Int(seconds), lines)
    }

    @Test("one small app costs at most ten syncs, twenty at most fifty")
    func syncs() throws {
        let one = try syncs(1)
        #expect((5...10).contains(one.number), "\(one.lines)")
        let twenty = try syncs(20)
        // Where it takes long, they do not wait for each other: each second may cost two groups more, of three syncs.
        #expect((30...50 + 6 * twenty.seconds).contains(twenty.number), "\(twenty.seconds) s: \(twenty.lines)")
    }

    /// Writes down whether another app is in force.
    private func looking(for other: String, after seconds: Double) -> TestPackage.File {
        .script("sleep \(seconds)\n[ -L ../../\(other)/current ] && echo yes >seen || echo no >seen")
    }

    private func seen(_ app: String, _ gateway: GatewayFixture) -> String? {
        gateway.read(gateway.currentFolder(of: app) + "/seen")
    }

    @Test("an app that took longer than a second to install is in force before the next installer runs")
    func slow() throws {
        let gateway = try gateway([
            TestPackage("a", "1", files: ["install.sh": looking(for: "b", after: 1.1)]),
            TestPackage("b", "1", files: ["install.sh": looking(for: "a", after: 0)]),
        ])
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
        #expect(seen("a", gateway) == "no\n" && seen("b", gateway) == "yes\n", "\(ran)")
    }

    @Test("an app is in force before the installer of one that requires it runs", arguments: ["", "all"])
    func required(atomic: String) throws {
        let packages = [
            TestPackage("a", "1", files: ["install.sh": looking(for: "z", after: 0)]),
            TestPackage("z", "1", files: ["install.sh": looking(for: "a", after: 0)]),
        ]
        let gateway = try gateway(packages, requiring: ["a": "z"])
        if atomic == "all" {
            let file = gateway.configFolder + "/manifest.yaml"
            try gateway.manifest((gateway.read(file) ?? "") + "policy: {atomic: all}\n")
        }
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
        // With atomic nothing comes into force before all are installed.
        #expect(seen("a", gateway) == (atomic == "all" ? "no\n" : "yes\n") && seen("z", gateway) == "no\n", "\(ran)")
    }

    @Test("a failed installer keeps back nobody who does not require it, also of those that wait with it")
    func failed() throws {
        let gateway = try gateway(
            [
                .oneOff("a", "1"), TestPackage("b", "1", files: ["install.sh": .script("exit 3")]), .oneOff("c", "1"),
                .oneOff("d", "1"),
            ], requiring: ["d": "b"])
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code != 0, "\(ran)")
        for app in ["a", "c"] { #expect(gateway.current(app)?.hasPrefix("1-") == true, "\(app): \(ran)") }
        for app in ["b", "d"] { #expect(gateway.current(app) == nil, "\(app): \(ran)") }
        #expect(gateway.read(gateway.stateFolder + "/data/a/runs") == "1\n")
    }

    /// The syncs of the whole file system, in their order: one for all that was fetched, one for its names and the first
    /// attempt, one after each of two installers, one for the links of both. Each app that relied on one that failed has failed, and says so; the next pass makes it good.
    @Test("a sync that several apps share and that fails is the failure of each of them", arguments: 1...5)
    func lost(number: Int) throws {
        let gateway = try gateway([.oneOff("a", "1"), .oneOff("b", "1")])
        let ran = try reconcile(gateway, ["-e", "trace=syncfs", "-e", "inject=syncfs:error=EIO:when=\(number)"])
        let text = ran.out + ran.err
        let trace = gateway.read(gateway.root + "/trace") ?? ""
        #expect(trace.contains("(INJECTED)") && ran.code != 0, "\(ran)")
        let concerned = [1, 2, 5].contains(number) ? ["a", "b"] : [number == 3 ? "a" : "b"]
        for app in concerned {
            #expect(text.contains("failed   \(app): "), "\(ran)")
            #expect(gateway.current(app) == nil || number == 5, "\(ran)")
        }
        for app in ["a", "b"] where !concerned.contains(app) { #expect(gateway.current(app) != nil, "\(ran)") }
        let next = try gateway.gwe("reconcile", "--app", "a", "--app", "b")
        #expect(next.code == 0, "\(next)")
        for app in ["a", "b"] {
            #expect(gateway.current(app)?.hasPrefix("1-") == true, "\(next)")
            let runs = gateway.read(gateway.stateFolder + "/data/\(app)/runs") ?? ""
            // What its installer left was not known to be durable: it runs again.
            let isAgain = (number == 3 && app == "a") || (number == 4 && app == "b")
            #expect(runs == (isAgain ? "1\n1\n" : "1\n"), "\(app): \(runs)")
        }
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("status").code == 0)
    }

    /// An upgrade that keeps one version, whose sync of the names fails; then a pass in which another call fails, or none.
    @Test(
        "what could not be made durable is written anew by the next pass, and nothing old goes before",
        arguments: [true, false])
    func anew(fails: Bool) throws {
        let gateway = try gateway([.quickService("a", "1"), .quickService("b", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        try wish([.quickService("a", "2"), .quickService("b", "2")], on: gateway)
        let file = gateway.configFolder + "/manifest.yaml"
        try gateway.manifest((gateway.read(file) ?? "") + "policy: {keep_versions: 1}\n")
        // One sync for what was fetched; the next is that of the names.
        let ran = try reconcile(gateway, ["-e", "trace=syncfs", "-e", "inject=syncfs:error=EIO:when=2+"])
        #expect(ran.code != 0 && (ran.out + ran.err).contains("failed   a: activate"), "\(ran)")
        func releases(_ app: String) -> [String] {
            gateway.names("\(gateway.stateFolder)/releases/\(app)").filter {
                !$0.contains("inventory") && $0 != "current"
            }
        }
        for app in ["a", "b"] { #expect(releases(app).count == 2, "\(releases(app))") }
        let fault = fails ? ["-e", "inject=fsync:error=EIO:when=1"] : []
        let next = try reconcile(gateway, ["-y", "-e", "trace=fsync"] + fault)
        let trace = gateway.read(gateway.root + "/trace") ?? ""
        if fails {
            #expect(next.code != 0 && (next.out + next.err).contains("is not known to be durable"), "\(next)")
            for app in ["a", "b"] { #expect(releases(app).count == 2, "\(releases(app))") }
            #expect(try gateway.gwe("reconcile").code == 0)
        } else {
            #expect(next.code == 0, "\(next)")
            for app in ["a", "b"] { #expect(trace.contains("releases/\(app)>"), "\(trace)") }
            #expect(trace.components(separatedBy: "services/.").count == 3, "\(trace)")
        }
        for app in ["a", "b"] {
            #expect(releases(app).count == 1 && gateway.current(app)?.hasPrefix("2-") == true, "\(releases(app))")
        }
        #expect(try gateway.gwe("status").code == 3)
    }

    @Test(
        "after a crash the links and definitions in hand are written anew",
        arguments: ["activate.linked", "configure.after"])
    func crashed(point: String) throws {
        let gateway = try gateway([.quickService("a", "1"), .quickService("b", "1")])
        let killed = try gateway.gwe("reconcile", environment: ["GWE_FAULT": point])
        #expect(killed.signal == SIGKILL, "\(killed)")
        // What a crash of that very repair has left.
        let link = gateway.currentFolder(of: "a")
        let target = try #require(gateway.current("a"))
        try AtomicFile.replaceSymlink(at: link, pointingTo: "./" + target)
        let next = try reconcile(gateway, ["-y", "-e", "trace=fsync"])
        #expect(next.code == 0, "\(next)")
        #expect((gateway.read(gateway.root + "/trace") ?? "").contains("releases/a>"))
        #expect(gateway.current("a") == target && gateway.current("b") != nil)
        let idle = try reconcile(gateway, ["-y", "-e", "trace=fsync,fdatasync,syncfs"])
        #expect(idle.code == 0 && gateway.read(gateway.root + "/trace")?.contains("sync(") != true, "\(idle)")
    }

    /// Bytes of the log that the last sync had made durable.
    private func durableLog(_ trace: String) -> Int {
        var (end, durable) = (0, 0)
        for line in trace.split(separator: "\n") where !line.contains("resumed>") {
            let numbers = line.split { !$0.isNumber && $0 != "-" }.compactMap { Int($0) }
            if line.contains("pwrite64("), numbers.count > 2 {
                end = max(end, numbers[numbers.count - 1] + numbers[numbers.count - 2])
            } else if line.contains("fdatasync(") {
                durable = end
            }
        }
        return durable
    }

    @Test("a power cut leaves an app whose package runs nothing as it was unpacked: no installer of it has failed")
    func nothingRuns() throws {
        let gateway = try gateway([.quickService("a", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        try wish([.quickService("a", "2")], on: gateway)
        let log = gateway.stateFolder + "/journal.db-redo"
        let killed = try TestProcess(
            "/usr/bin/strace",
            ["-D", "-f", "-qq", "-o", gateway.root + "/trace", "-P", log, "-e", "trace=pwrite64,fdatasync"]
                + ["-e", "write=none", "-s", "0", Repository.products + "/gwe", "reconcile"],
            environment: gateway.variables.merging(["GWE_FAULT": "configure.after"]) { $1 },
            scratch: gateway.root + "/scratch"
        ).wait()
        #expect(killed.signal == SIGKILL, "\(killed)")
        let isWritten = TestSupport.eventually { gateway.read(gateway.root + "/trace")?.contains("+++ killed") == true }
        let durable = durableLog(gateway.read(gateway.root + "/trace") ?? "")
        let size = try #require(FileTree.byteCount(ofFile: log))
        #expect(isWritten && durable < size, "\(durable) of \(size)")
        truncate(log, off_t(durable))
        truncate(gateway.stateFolder + "/journal.db-journal", 0)
        let next = try gateway.gwe("reconcile")
        #expect(next.code == 0 && !(next.out + next.err).contains("installer of"), "\(next)")
        #expect(gateway.current("a")?.hasPrefix("2-") == true)
        let history = try gateway.gwe("history", "--json")
        #expect(!history.out.contains("installer of"), "\(history)")
    }

    @Test("an app whose releases lie on another file system is synced by itself", .enabled(if: getuid() == 0))
    func mounted() throws {
        let packages = ["a", "b", "c"].map { TestPackage.quickService($0, "1") }
        let gateway = try gateway(packages)
        let folder = gateway.stateFolder + "/releases/b"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try #require(mount("none", folder, "tmpfs", 0, nil) == 0)
        defer { umount2(folder, Int32(MNT_DETACH)) }
        let ran = try reconcile(gateway, ["-y", "-e", "trace=syncfs,fsync"])
        #expect(ran.code == 0, "\(ran)")
        let trace = gateway.read(gateway.root + "/trace") ?? ""
        for app in ["a", "b", "c"] {
            #expect(trace.contains("releases/\(app)/.staging>"), "\(trace)")
            #expect(trace.contains("releases/\(app)>"), "\(trace)")
        }
    }

    @Test("many small apps that are fetched together need no descriptor each")
    func descriptors() throws {
        let packages = (1...60).map { TestPackage("app\($0)", "1", files: ["file": "text\n"]) }
        let gateway = try gateway(packages)
        let ran = try TestProcess(
            "/bin/sh", ["-c", "ulimit -n 40; exec \"$0\" reconcile", Repository.products + "/gwe"],
            environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
        #expect(ran.code == 0, "\(ran)")
        for package in packages { #expect(gateway.current(package.name) != nil, "\(package.name)") }
    }

    @Test("with atomic nothing new comes into force before a replaced app that then fails")
    func atomic() throws {
        let gateway = try gateway([.quickService("a", "1")])
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            let broken = TestPackage(
                "a", "2", files: ["supervisor.conf": "[program:a]\ncommand=/bin/false\nstartretries=0\n"])
            try wish([broken, .quickService("z", "1")], on: gateway)
            let file = gateway.configFolder + "/manifest.yaml"
            try gateway.manifest((gateway.read(file) ?? "") + "policy: {atomic: all}\n")
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code != 0 && ran.out.contains("failed   a: start"), "\(ran)")
            #expect(gateway.current("z") == nil, "\(ran)")
        }
    }

    @Test("what a pass has left that the journal does not know is swept by the next one")
    func leftovers() throws {
        let gateway = try gateway([.oneOff("a", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        let folder = gateway.stateFolder + "/releases/a"
        for name in [".staging/x/y", ".trash-1-2-3/x", "9-0123abcd.inventory"] {
            try gateway.write("left", to: "\(folder)/\(name)")
        }
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
        #expect(gateway.names(folder).count == 3, "\(gateway.names(folder))")
    }

    @Test("a pass with nothing to do syncs nothing and writes no byte, the lock included")
    func idle() throws {
        let gateway = try gateway([.oneOff("a", "1")])
        for _ in 0..<2 { #expect(try gateway.gwe("reconcile").code == 0) }
        let before = try facts(gateway)
        let ran = try reconcile(gateway, ["-e", "trace=fsync,fdatasync,syncfs,sync,pwrite64,ftruncate,rename,unlink"])
        #expect(ran.code == 0, "\(ran)")
        #expect(try facts(gateway) == before)
        let lines = (gateway.read(gateway.root + "/trace") ?? "").split(separator: "\n").filter {
            !$0.contains("+++") && !$0.contains("---")
        }
        #expect(lines.isEmpty, "\(lines)")
    }

    /// Size and times of each file of the state folder.
    private func facts(_ gateway: GatewayFixture) throws -> [String: [Int]] {
        var facts: [String: [Int]] = [:]
        for name in gateway.names(gateway.stateFolder) {
            var status = stat()
            guard lstat(gateway.stateFolder + "/" + name, &status) == 0 else { continue }
            facts[name] = [
                Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                status.st_ctim.tv_nsec,
            ]
        }
        return facts
    }
}
