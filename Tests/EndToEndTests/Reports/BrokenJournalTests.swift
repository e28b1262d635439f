import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// A database whose file is none any more: tursodatabase/libsql#580.
@Suite("Reports of other programs: a journal that is no database") struct BrokenJournalTests {
    @Test("it is told in words, by the status and by the pass that rebuilds it, without SQL")
    func words() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        let journal = gateway.stateFolder + "/journal.db"
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: journal))
        try file.write(contentsOf: Data(repeating: 0, count: 100))
        try file.close()
        for arguments in [["status", "--json"], ["reconcile"]] {
            let ran = try gateway.start(arguments).wait()
            let text = ran.out + ran.err
            #expect(text.contains("\(journal) is no database any more"), "\(ran)")
            for sql in ["PRAGMA", "SELECT", "not a database"] { #expect(!text.contains(sql), "\(ran)") }
        }
        #expect(gateway.current("web") != nil)
    }

    @Test("a log of a pass that is damaged is told by status and doctor, then by the next pass, once, and is kept")
    func log() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let killed = try gateway.gwe("reconcile", environment: ["GWE_FAULT": "journal.span"])
        try #require(killed.signal == SIGKILL, "\(killed)")
        let redo = gateway.stateFolder + "/journal.db-redo"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: redo))
        // Within the first record; half of the pass is behind it.
        bytes[60] ^= 0x41
        try bytes.write(to: URL(fileURLWithPath: redo))
        let status = try gateway.gwe("status")
        #expect(status.out.contains("\(redo) is damaged"), "\(status)")
        let doctor = try gateway.gwe("doctor", "journal")
        #expect(doctor.out.contains("\(redo) is damaged"), "\(doctor)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: redo)) == bytes)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0 && (pass.out + pass.err).contains("moved to \(redo).broken-1"), "\(pass)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: redo + ".broken-1")) == bytes)
        #expect(gateway.current("web") != nil)
        for command in ["reconcile", "status"] {
            let later = try gateway.gwe(command)
            #expect(!(later.out + later.err).contains("damaged"), "\(later)")
        }
    }
}
