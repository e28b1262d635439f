import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A journal that another version of gwe has written.
@Suite("The journal of another version") struct OtherVersionTests {
    @Test("keys of a newer gwe and a version of an older one lose neither layer nor release")
    func journal() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.oneOff("web", "1"), .oneOff("db", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("hold", "web").code == 0)
        let folder = try #require(gateway.current("db"))
        let path = gateway.configFolder + "/manifest.yaml"
        let manifest = try #require(gateway.read(path))
        // What a newer gwe has taken, and what an older one.
        let journal = try Database(path: gateway.stateFolder + "/journal.db")
        _ = try journal.query(
            "UPDATE layer SET text = ? WHERE name = 'operator'", [.text(#"{"web":{"hold":true,"mood":"good"}}"#)])
        _ = try journal.query(
            "UPDATE layer SET text = text || ?, digest = 'other' WHERE name = 'local'",
            [.text("policy: {moon: full}\n")])
        _ = try journal.query("UPDATE release SET version = ? WHERE app = 'db'", [.text("1\u{200B}")])
        // The manifest itself names the key too: rejected here, the last good one stays in force.
        try gateway.manifest(manifest + "policy: {moon: full}\n")
        let status = try gateway.status()
        let problems = status.document["problems"]?.elements?.compactMap(\.string) ?? []
        #expect(problems.contains { $0.contains("moon") }, "\(problems)")
        #expect(!problems.contains { $0.contains("mood") }, "\(problems)")
        #expect(try gateway.row("web")["sync"]?.string != nil)
        #expect(try gateway.row("web")["installed"]?.string == "1")
        #expect(try gateway.row("db")["installed"]?.string == "1\u{200B}")
        let pass = try gateway.gwe("reconcile", "--offline", "--dry-run")
        #expect(!pass.out.contains("- web") && !pass.out.contains("- db"), "\(pass)")
        #expect(FileTree.exists("\(gateway.stateFolder)/releases/db/\(folder)"))
        // It is still held: no other version comes.
        try gateway.services([.oneOff("web", "2"), .oneOff("db", "1")])
        let next = try gateway.gwe("reconcile")
        #expect(next.code == 0, "\(next)")
        #expect(gateway.current("web")?.hasPrefix("1-") == true)
    }
}
