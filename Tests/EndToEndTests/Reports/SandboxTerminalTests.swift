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
        let program = isTerminal ? "/usr/bin/script" : read[0]
        let arguments =
            isTerminal ? ["-qec", read.map { "'\($0)'" }.joined(separator: " "), "/dev/null"] : Array(read.dropFirst())
        let environment = gateway.variables.merging(["MURANO_SANDBOX_URL": gateway.sandbox.url]) { $1 }
        let ran = try TestProcess(
            program, arguments, environment: environment, scratch: gateway.root + "/scratch"
        ).wait()
        #expect(ran.out.contains("[31mred"), "\(ran)")
        #expect(ran.out.contains("\u{1B}") != isTerminal, "\(ran)")
    }
}
