import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Each way in which a gateway can differ from its desired state (docs/commands.md#gwe-status), made for real.
@Suite("Drift") struct DriftTests {
    /// What is done to an installed service, and how it must be told.
    enum Damage: String, CaseIterable, CustomTestStringConvertible {
        case missingFile, modifiedContent, changedMode, missingFolder, missingInventory, repointedLink, missingLink
        case editedConfiguration, killedProcess

        var word: String {
            switch self {
            case .missingFile, .missingFolder, .missingInventory: "missing"
            case .modifiedContent, .changedMode: "modified"
            case .repointedLink, .missingLink: "symlink"
            case .editedConfiguration: "config"
            case .killedProcess: "stopped"
            }
        }

        /// The exit status of `gwe status`: a dead process is more than a difference.
        var statusCode: Int32 { self == .killedProcess ? 3 : 1 }

        /// The mark of the plan's line.
        var symbol: String { self == .killedProcess ? "^" : "!" }

        var testDescription: String { rawValue }

        func happen(to app: String, on gateway: GatewayFixture) throws {
            let release = try #require(gateway.current(app))
            let folder = "\(gateway.stateFolder)/releases/\(app)"
            switch self {
            case .missingFile: try #require(unlink("\(folder)/\(release)/share/version.txt") == 0)
            case .modifiedContent: try gateway.write("something else\n", to: "\(folder)/\(release)/share/version.txt")
            case .changedMode: try #require(chmod("\(folder)/\(release)/bin/run", 0o777) == 0)
            case .missingFolder: try FileTree.removeTree("\(folder)/\(release)")
            case .missingInventory: try #require(unlink("\(folder)/\(release).inventory") == 0)
            case .repointedLink:
                try #require(unlink("\(folder)/current") == 0)
                try #require(symlink("/tmp", "\(folder)/current") == 0)
            case .missingLink: try #require(unlink("\(folder)/current") == 0)
            case .editedConfiguration:
                let path = "\(gateway.stateFolder)/services/\(app).json"
                let text = try #require(gateway.read(path))
                try gateway.write(text.replacingOccurrences(of: "bin/run", with: "bin/other"), to: path)
            case .killedProcess:
                let pid = try #require(try gateway.pid(of: app))
                try #require(kill(pid, SIGKILL) == 0)
                try gateway.eventually("no process") { try gateway.pid(of: app) == nil }
            }
        }
    }

    private func gateway() throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try install("1", on: gateway)
        return gateway
    }

    /// Puts a version of `web` beside the gateway and names it in the manifest.
    private func install(_ version: String, on gateway: GatewayFixture, more: String = "") throws {
        let package = TestPackage.quickService("web", version)
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        try gateway.manifest(
            """
            schema: gwe/v1
            apps:
              web: {version: "\(version)", artifact: {path: \(path)}}
            \(more)
            """)
    }

    @Test("is shown by status and dry run in its word, repaired by a pass, and gone", arguments: Damage.allCases)
    func damage(_ damage: Damage) throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.status().code == 0)
            let oldPid = try gateway.pid(of: "web")
            try damage.happen(to: "web", on: gateway)

            let (code, document) = try gateway.status()
            #expect(code == damage.statusCode, "\(document.text())")
            let row = try gateway.row("web")
            #expect(row["sync"]?.string == "drifted(\(damage.word))", "\(row.text())")
            #expect(row["drift"]?.elements?.contains { $0["kind"]?.string == damage.word } == true)

            let plan = try gateway.dryRun()
            #expect(plan.code == 2, "\(plan)")
            #expect(plan.out.hasPrefix("Drift: the gateway differs from its desired state.\n"), "\(plan)")
            #expect(plan.out.contains("\n\(damage.symbol) web 1"), "\(plan)")
            #expect(try gateway.row("web")["sync"]?.string == "drifted(\(damage.word))", "a dry run repaired something")

            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0, "\(pass)")
            let (after, healed) = try gateway.status("--deep")
            #expect(after == 0, "\(healed.text())")
            #expect(try gateway.dryRun("--deep").code == 0)
            #expect(try gateway.pid(of: "web") != nil)
            #expect(gateway.read(gateway.currentFolder(of: "web") + "/share/version.txt") == "web 1\n")
            if damage == .killedProcess { #expect(try gateway.pid(of: "web") != oldPid) }
        }
    }

    @Test(
        "without a daemon files are repaired all the same, and nothing is started",
        arguments: [
            Damage.missingFile, .modifiedContent, .changedMode, .missingFolder, .repointedLink, .missingLink,
            .editedConfiguration,
        ])
    func damageWithoutDaemon(_ damage: Damage) throws {
        let gateway = try gateway()
        #expect(try gateway.gwe("reconcile").code == 0)
        try damage.happen(to: "web", on: gateway)
        // The app should run, and nothing runs it: 3 comes before 1.
        #expect(try gateway.status().code == 3)
        #expect(try gateway.row("web")["sync"]?.string == "drifted(\(damage.word))")
        #expect(try gateway.dryRun().code == 2)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(pass.out.contains("nothing was started: no daemon supervises"), "\(pass)")
        #expect(try gateway.row("web", "--deep")["sync"]?.string == "synced")
        #expect(try gateway.dryRun().code == 0)
    }

    @Test("other content of the same size, time, mode and inode is found by --deep alone")
    func deep() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            let path = gateway.currentFolder(of: "web") + "/share/version.txt"
            var facts = Glibc.stat()
            try #require(stat(path, &facts) == 0)
            let fd = open(path, O_WRONLY)
            try #require(fd >= 0)
            #expect(Glibc.write(fd, "WEB", 3) == 3)
            var times = [facts.st_atim, facts.st_mtim]
            #expect(futimens(fd, &times) == 0)
            close(fd)

            #expect(try gateway.status().code == 0)
            #expect(try gateway.dryRun().code == 0)
            #expect(try gateway.status("--deep").code == 1)
            #expect(try gateway.row("web", "--deep")["sync"]?.string == "drifted(modified)")
            let plan = try gateway.dryRun("--deep")
            #expect(plan.code == 2, "\(plan)")
            #expect(plan.out.contains("share/version.txt is modified"), "\(plan)")
            #expect(try gateway.gwe("reconcile", "--deep").code == 0)
            #expect(try gateway.status("--deep").code == 0)
            #expect(gateway.read(path) == "web 1\n")
        }
    }

    @Test("an older version that is installed drifts, and the plan upgrades it")
    func version() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            // The daemon wakes on a change of its manifest: the operator's hold keeps it from upgrading before we look.
            #expect(try gateway.gwe("hold", "web").code == 0)
            try install("2", on: gateway)
            try gateway.eventually("2 is desired") { try gateway.row("web")["desired"]?.string == "2" }
            let held = try gateway.row("web")
            #expect(held["sync"]?.string == "held", "\(held.text())")
            #expect(held["installed"]?.string == "1")
            #expect(try gateway.status().code == 0, "only a held app differs")
            #expect(try gateway.dryRun().code == 0)
            #expect(try gateway.dryRun().out.contains("= web 1 -> 2"))
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.row("web")["installed"]?.string == "1")
        }
        // Without a daemon there is no race.
        #expect(try gateway.gwe("unhold", "web").code == 0)
        let row = try gateway.row("web")
        #expect(row["sync"]?.string == "drifted(version)", "\(row.text())")
        let plan = try gateway.dryRun()
        #expect(plan.code == 2)
        #expect(plan.out.contains("\n~ web 1 -> 2"), "\(plan)")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.row("web")["sync"]?.string == "synced")
        #expect(try gateway.row("web")["installed"]?.string == "2")
    }

    @Test("files that an app adds are no drift")
    func additions() throws {
        let gateway = try gateway()
        #expect(try gateway.gwe("reconcile").code == 0)
        let folder = gateway.currentFolder(of: "web")
        try gateway.write("cache", to: folder + "/cache.db")
        try gateway.write("x", to: folder + "/new folder/with/file")
        #expect(try gateway.row("web", "--deep")["sync"]?.string == "synced")
        #expect(try gateway.dryRun("--deep").code == 0)
    }

    @Test("two ways at once are both named, and one pass repairs both")
    func both() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            try Damage.modifiedContent.happen(to: "web", on: gateway)
            try Damage.repointedLink.happen(to: "web", on: gateway)
            #expect(try gateway.row("web")["sync"]?.string == "drifted(modified,symlink)")
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.status("--deep").code == 0)
        }
    }

    @Test("a stop by the operator is no drift, and a start takes it back")
    func stopped() throws {
        let gateway = try gateway()
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.gwe("stop", "web").code == 0)
            let (code, document) = try gateway.status()
            #expect(code == 0, "\(document.text())")
            #expect(try gateway.row("web")["state"]?.string == "STOPPED")
            #expect(try gateway.dryRun().code == 0)
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.pid(of: "web") == nil)
            #expect(try gateway.gwe("start", "web").code == 0)
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        }
    }

    @Test("an app that ended as it may is as good as running")
    func endedWell() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let package = TestPackage.quickService(
            "job", "1", extra: ["bin/run": .script("echo once >>\"$GWE_DATA_DIR/runs\"")])
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        try gateway.manifest("schema: gwe/v1\napps:\n  job: {version: \"1\", artifact: {path: \(path)}}\n")
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            try gateway.eventually("it ended") { try gateway.row("job")["state"]?.string == "EXITED" }
            #expect(try gateway.status().code == 0)
            #expect(try gateway.dryRun().code == 0)
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(gateway.read(gateway.stateFolder + "/data/job/runs") == "once\n")
        }
    }
}
