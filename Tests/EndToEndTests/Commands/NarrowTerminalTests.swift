import Foundation
import GatewaySystem
import TestSupport
import Testing

/// Tables on a terminal that is narrow: they fit, and elsewhere they are whole.
@Suite("Tables on a narrow terminal") struct NarrowTerminalTests {
    @Test(
        "config show, exit-codes, usage, doctor --list, status --wishes and history fit 60 columns",
        arguments: [
            "config show", "exit-codes", "usage --days 400", "doctor --list", "status --wishes", "history", "history 1",
        ])
    func fits(command: String) throws {
        let gateway = try GatewayFixture(hasCloud: true)
        let long = "a-name-of-an-app-that-takes-much-of-a-line-by-itself"
        try gateway.services([.quickService(long, "1.2.3-and-more-of-a-version")])
        #expect(try gateway.gwe("config", "set", "user_agent", String(repeating: "long", count: 30)).code == 0)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("hold", long).code == 0)
        let ran = try TerminalOutput.run(
            gateway, "stty cols 60; exec \(Repository.products)/gwe \(command) 2>/dev/null")
        let lines = ran.out.replacingOccurrences(of: "\r\n", with: "\n").split(separator: "\n")
        #expect(lines.count > 1 && lines.allSatisfy { $0.count <= 60 }, "\(ran)")
    }
}
