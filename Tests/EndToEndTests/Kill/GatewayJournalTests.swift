import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

@Suite("a journal that is lost, locked or cannot be written") struct GatewayJournalTests {
    /// A gateway whose two apps came by a command: after a loss of the journal no layer names them.
    private func converged() throws -> GatewayFixture {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.upload(.service("web", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"},{"name":"web.v1.tar.gz"}]}"#)
        let ran = try gateway.gwe("reconcile")
        try #require(ran.code == 0, "\(ran)")
        return gateway
    }

    private func lose(_ kind: String, _ path: String) throws {
        switch kind {
        case "empty": try Data().write(to: URL(fileURLWithPath: path))
        case "zeros": try Data(count: 40_960).write(to: URL(fileURLWithPath: path))
        case "text": try Data(String(repeating: "no database ", count: 999).utf8).write(to: URL(fileURLWithPath: path))
        case "cut": try #require(truncate(path, 5_000) == 0)
        case "middle":
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            try file.seek(toOffset: 4_096)
            try file.write(contentsOf: Data(repeating: 0xA5, count: 40_000))
            try file.close()
        default: try FileTree.removeFile(path)
        }
    }

    @Test(
        "is rebuilt with a loud report, and nothing is removed or run again",
        arguments: ["missing", "empty", "zeros", "text", "cut", "middle"])
    func rebuilt(kind: String) throws {
        let gateway = try converged()
        let journal = gateway.stateFolder + "/journal.db"
        let releases = gateway.stateFolder + "/releases"
        let before = FolderSnapshot(releases, gateway.stateFolder + "/data")
        try lose(kind, journal)
        let status = try gateway.gwe("status", "--json")
        // 3: a wanted service does not run, which goes before; 74: what is damaged is found on the way.
        #expect(status.code == (kind == "middle" ? 74 : 3), "\(status)")
        #expect(status.json?["problems"]?.text().contains("journal.db") == true, "\(status)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(pass.err.contains("it was rebuilt from the release folders: 2 apps found"), "\(pass)")
        let aside = gateway.names(gateway.stateFolder).filter { $0.contains(".broken-") }
        #expect(aside == (kind == "missing" ? [] : ["journal.db.broken-1"]))
        if kind != "missing" { #expect(pass.err.contains("moved to \(journal).broken-1"), "\(pass)") }
        let after = FolderSnapshot(releases, gateway.stateFolder + "/data")
        #expect(after.differences(from: before).isEmpty, "\(after.differences(from: before))")
        // Told once; from then on the gateway is as it was.
        let second = try gateway.gwe("reconcile")
        #expect(second.code == 0 && second.err.isEmpty, "\(second)")
        #expect(second.out.contains("In sync: 2 apps match the desired state."), "\(second)")
        #expect(try gateway.gwe("status", "--deep", "--json").json?["summary"]?["synced"]?.int == 2)
        // A fresh layer that does not name them does not remove them; one that did and no longer does would.
        try gateway.command("schema: gwe/v1\napps:\n  web: {version: \"1\"}\n")
        let third = try gateway.gwe("reconcile")
        #expect(third.code == 0, "\(third)")
        #expect(gateway.names(releases) == ["tool", "web"])
    }

    @Test("whose place is taken by a folder stops the pass before anything is touched")
    func folder() throws {
        let gateway = try converged()
        let journal = gateway.stateFolder + "/journal.db"
        try FileTree.move(journal, to: gateway.root + "/journal.db")
        try FileTree.makeDirectory(journal)
        try gateway.upload(.oneOff("tool", "2"))
        let command = #"{"install":[{"name":"tool.v2.tar.gz"}]}"#
        try gateway.command(command)
        try expectUntouched(gateway, code: 73) { try gateway.gwe("reconcile") }
        #expect(try gateway.resource("engine_fetch") == command)
    }

    @Test("that may not be written stops the pass before anything is touched", .enabled(if: getuid() == 0))
    func readOnly() throws {
        let gateway = try converged()
        // Somebody to whom all belongs but the journal, which they may read.
        let program = gateway.root + "/gwe"
        try FileManager.default.copyItem(atPath: Repository.products + "/gwe", toPath: program)
        chmod(gateway.root, 0o755)
        let below = FileManager.default.enumerator(atPath: gateway.stateFolder)
        while let path = below?.nextObject() as? String { lchown("\(gateway.stateFolder)/\(path)", 65_534, 65_534) }
        let journal = gateway.stateFolder + "/journal.db"
        try #require(chown(journal, 0, 0) == 0 && chmod(journal, 0o644) == 0)
        try gateway.upload(.oneOff("tool", "2"))
        let command = #"{"install":[{"name":"tool.v2.tar.gz"}]}"#
        try gateway.command(command)
        let environment = [
            "GWE_CONFIG_DIR": gateway.configFolder, "GWE_STATE_DIR": gateway.stateFolder,
            "GWE_LOG_DIR": gateway.logFolder,
        ]
        try expectUntouched(gateway, code: 77) {
            var ran: Ran?
            // A child that another test starts may have the copy open for writing for a moment: ETXTBSY, told as 126.
            try gateway.eventually("the program runs") {
                ran = try TestProcess(
                    "/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", program, "reconcile"],
                    environment: environment, scratch: gateway.root + "/scratch"
                ).wait()
                return ran?.code != 126
            }
            return try #require(ran)
        }
        #expect(try gateway.resource("engine_fetch") == command)
    }

    /// The pass says why, with that code, and changes nothing but what the lock says of its holder.
    private func expectUntouched(
        _ gateway: GatewayFixture, code: Int32, at location: SourceLocation = #_sourceLocation, _ pass: () throws -> Ran
    ) throws {
        var before = gateway.snapshot()
        let ran = try pass()
        #expect(ran.code == code, "\(ran)", sourceLocation: location)
        #expect((ran.out + ran.err).contains("journal.db"), "\(ran)", sourceLocation: location)
        var after = gateway.snapshot()
        before.entries[gateway.stateFolder + "/lock"] = nil
        after.entries[gateway.stateFolder + "/lock"] = nil
        let differences = after.differences(from: before)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))", sourceLocation: location)
    }

    @Test("of a newer gwe is refused, and left as it is")
    func newer() throws {
        let gateway = try converged()
        try Database(path: gateway.stateFolder + "/journal.db").setUserVersion(99)
        try expectUntouched(gateway, code: 74) { try gateway.gwe("reconcile") }
        let dry = try gateway.gwe("reconcile", "--dry-run")
        #expect(dry.code == 1 && dry.err.contains("written by a newer gwe (schema 99"), "\(dry)")
    }

    @Test("that is a FIFO, which nobody may wait for, is refused by those that read it too")
    func fifo() throws {
        let gateway = try converged()
        let path = gateway.stateFolder + "/journal.db"
        unlink(path)
        try #require(mkfifo(path, 0o600) == 0)
        for command in [["status"], ["history"], ["reconcile", "--dry-run", "--offline"], ["reconcile", "--offline"]] {
            let ran = try gateway.start(command).wait()
            #expect((ran.code ?? 0) > 0 && (ran.out + ran.err).contains("it is no regular file"), "\(ran)")
        }
        #expect(FileTree.exists(path))
    }

    @Test("is locked while a pass runs, and the second gwe says by whom")
    func locked() throws {
        let gateway = try GatewayFixture()
        let waiting = TestPackage(
            "slow", "1",
            files: [
                "install.sh": .script(
                    "touch \"$GWE_DATA_DIR/started\"\nwhile [ ! -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.05; done")
            ])
        try gateway.upload(waiting)
        try gateway.command(#"{"install":[{"name":"slow.v1.tar.gz"}]}"#)
        let first = try gateway.start(["reconcile"])
        let data = gateway.stateFolder + "/data/slow"
        try gateway.eventually("the installer runs") { FileTree.exists(data + "/started") }
        let second = try gateway.gwe("reconcile")
        #expect(second.code == 75, "\(second)")
        let words = second.out + second.err
        #expect(words.contains("process \(first.pid)") && words.contains("held by gwe reconcile,"), "\(second)")
        // Looking needs no lock.
        #expect(try gateway.gwe("reconcile", "--dry-run", "--offline").code == 2)
        try gateway.write("", to: data + "/go")
        let ran = first.wait()
        #expect(ran.code == 0, "\(ran)")
    }
}
