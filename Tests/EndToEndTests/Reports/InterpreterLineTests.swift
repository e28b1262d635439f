import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// Scripts that come from an editor of another system: R0X4R/Garud#25, shevabam/ezservermonitor-sh#7.
@Suite("Reports of other programs: the first line of a script") struct InterpreterLineTests {
    private func check(_ program: TestPackage.File, extra: [String: TestPackage.File] = [:]) throws -> Ran {
        let gateway = try GatewayFixture(hasCloud: false)
        let package = TestPackage.quickService("web", "1", extra: ["bin/run": program].merging(extra) { $1 })
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        return try gateway.gwe("package", "check", path)
    }

    @Test(
        "package check fails a program that the kernel finds no interpreter for",
        arguments: [
            ("#!/bin/sh\r\nexec sleep 1000\r\n", "ends in CR LF"),
            ("\u{FEFF}#!/bin/sh\nexec sleep 1000\n", "byte order mark"),
        ])
    func program(_ text: String, _ words: String) throws {
        let ran = try check(.init(text, mode: 0o755))
        #expect(ran.code == 65, "\(ran)")
        let said = ran.out + ran.err
        #expect(said.contains("'bin/run' is the program to run, but") && said.contains(words), "\(ran)")
    }

    @Test("an installer may mend it, so it is a warning then")
    func installer() throws {
        let mending = TestPackage.File.script("sed -i 's/\\r$//' bin/run")
        let ran = try check(.init("#!/bin/sh\r\nexec sleep 1\r\n", mode: 0o755), extra: ["install.sh": mending])
        #expect(ran.code == 0, "\(ran)")
        #expect((ran.out + ran.err).contains("install.sh must mend it"), "\(ran)")
    }

    @Test("CR LF in the middle of a script that the kernel can run is none of this", arguments: ["\n", " \n"])
    func good(_ end: String) throws {
        let ran = try check(.init("#!/bin/sh\(end)echo 'a\r'\nexec sleep 1000\n", mode: 0o755))
        #expect(ran.code == 0 && !(ran.out + ran.err).contains("program to run, but"), "\(ran)")
    }
}
