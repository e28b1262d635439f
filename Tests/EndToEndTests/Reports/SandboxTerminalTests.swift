import MuranoSandbox
import Documents
import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Reports of other programs: the sandbox on a terminal") struct SandboxTerminalTests {
    @Test("a value that would command the terminal is shown, and goes raw to a program", arguments: [true, false])
    func value(_ isTerminal: Bool) throws {
        let gateway = try GatewayFixture()
        try gateway.sandbox.write(gateway.id, "colour", "\u{1B}[31mred")
        let read = [Repository.products + "/murano-sandbox", "device", "read", gateway.id, "colour"]
        let cloud = ["MURANO_SANDBOX_URL": gateway.sandbox.url]
        let ran =
            try isTerminal
            ? TerminalOutput.run(gateway, read.map { "'\($0)'" }.joined(separator: " "), more: cloud)
            : TestProcess(
                read[0], Array(read.dropFirst()), environment: gateway.variables.merging(cloud) { $1 },
                scratch: gateway.root + "/scratch"
            ).wait()
        #expect(ran.out.contains("[31mred"), "\(ran)")
        #expect(ran.out.contains("\u{1B}") != isTerminal, "\(ran)")
    }
}
