import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// What programs need of a status, and need not take out of sentences.
@Suite("Numbers and times in the status") struct StatusNumbersTests {
    @Test("uptime as seconds, the next poll, the last pass and the last contact as moments")
    func numbers() throws {
        let gateway = try GatewayFixture()
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs, and a pass is over") {
                let document = try gateway.status().document
                return document["apps"]?.elements?.first?["state"]?.string == "RUNNING" && document["last_pass"] != nil
            }
            let document = try gateway.status().document
            let isMoment = { (text: String?) in text?.hasSuffix("Z") == true || text?.hasPrefix("boot+") == true }
            #expect(isMoment(document["last_pass"]?["ended"]?.string), "\(document.text())")
            #expect(document["last_pass"]?["exit"]?.int == 0, "\(document.text())")
            #expect(isMoment(document["last_contact"]?.string), "\(document.text())")
            let isTrusted = document["clock_trusted"]?.bool == true
            #expect(isMoment(document["next_poll_at"]?.string) == isTrusted, "\(document.text())")
            let app = document["apps"]?.elements?.first
            #expect(app?["uptime_seconds"]?.int.map { $0 >= 0 } == true, "\(document.text())")
        }
        let alone = try gateway.status().document
        #expect(alone["last_pass"] == nil && alone["next_poll_at"] == nil && alone["last_contact"] == nil)
        #expect(alone["apps"]?.elements?.first?["uptime_seconds"] == nil)
    }
}
