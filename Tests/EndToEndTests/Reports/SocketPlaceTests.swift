import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// Something else in the place of the daemon's socket: kenn-io/kata#22.
@Suite("Reports of other programs: the place of the socket") struct SocketPlaceTests {
    @Test("a plain file, as a restored backup has one, is replaced")
    func file() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.write("", to: gateway.socketFile)
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
        }
    }

    @Test("a folder or a link is named, with what to do", arguments: ["a folder", "a symbolic link"])
    func other(_ what: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.write("", to: gateway.stateFolder + "/run/other")
        if what == "a folder" {
            try FileManager.default.createDirectory(atPath: gateway.socketFile, withIntermediateDirectories: false)
        } else {
            try FileManager.default.createSymbolicLink(
                atPath: gateway.socketFile, withDestinationPath: gateway.stateFolder + "/run/other")
        }
        let ran = try gateway.gwe("run")
        #expect(ran.code == 71, "\(ran)")
        #expect(ran.err.contains("\(gateway.socketFile), because \(what) is there: remove it"), "\(ran)")
        #expect(gateway.read(gateway.stateFolder + "/run/other") != nil)
    }
}
