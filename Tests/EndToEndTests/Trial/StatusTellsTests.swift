import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// What `gwe status` must say where one looks first: who holds or stopped an app, what a change waits for, and counts that
/// add up.
@Suite("What status tells") struct StatusTellsTests {
    @Test("a hold and a stop are told from the first moment, with who said so; the counts add up")
    func wishes() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services(["a", "b", "c"].map { .quickService($0, "1") })
        try gateway.withDaemon { _ in
            try gateway.eventually("all run") {
                try ["a", "b", "c"].allSatisfy { try gateway.row($0)["state"]?.string == "RUNNING" }
            }
            #expect(try gateway.gwe("hold", "a").code == 0)
            #expect(try gateway.gwe("stop", "b").code == 0)
            let status = try gateway.gwe("status")
            #expect(
                status.out.contains("a: held by operator") && status.out.contains("b: stopped by operator"), "\(status)"
            )
            #expect(status.out.contains("synced, held") && status.out.contains("1 stopped"), "\(status)")
            #expect(try gateway.row("a")["held_by"]?.string == "operator")
            #expect(try gateway.row("b")["stopped_by"]?.string == "operator")
            #expect(try gateway.row("c")["held_by"] == nil)
            // Now the manifest wants what the hold keeps from coming.
            try gateway.services([.quickService("a", "2"), .quickService("b", "1"), .quickService("c", "1")])
            try gateway.eventually("it is held") { try gateway.row("a")["sync"]?.string == "held" }
            let summary = try gateway.status().document["summary"]
            let count = { (name: String) in summary?[name]?.int ?? 0 }
            #expect(count("held") == 1)
            #expect(
                count("synced") + count("drifted") + count("held") + count("blocked") + count("quarantined")
                    + count("progressing") == count("apps"))
        }
    }

    @Test("outside of its window a change is seen to wait")
    func window() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("a", "1")])
        try gateway.withDaemon { _ in
            try gateway.eventually("it runs") { try gateway.row("a")["state"]?.string == "RUNNING" }
            try gateway.services([.quickService("a", "2")])
            let text = try #require(gateway.read(gateway.configFolder + "/manifest.yaml"))
            // A minute that is not now, and not the next one.
            let hour = (Calendar(identifier: .gregorian).dateComponents(in: .gmt, from: Date()).hour ?? 0) + 12
            let window = String(format: "%02d:00-%02d:01", hour % 24, hour % 24)
            try gateway.manifest(text + "policy: {window: \"\(window)\"}\n")
            _ = try gateway.gwe("reconcile", "--offline")
            let status = try gateway.gwe("status")
            #expect(status.out.contains("waits: outside of the window \(window)"), "\(status)")
            #expect(try gateway.row("a")["waits"]?.string == "outside of the window \(window)")
        }
    }
}
