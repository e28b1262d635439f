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
}
