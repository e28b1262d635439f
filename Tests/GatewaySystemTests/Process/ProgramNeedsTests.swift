import Foundation
import GatewaySystem
import TestSupport
import Testing

@Suite("What a program needs of the machine") struct ProgramNeedsTests {
    private let folder = TemporaryFolder()

    private func missing(_ bytes: [UInt8], own: [String] = [], path: String = "/usr/bin:/bin") throws -> String? {
        try Data(bytes).write(to: URL(fileURLWithPath: folder("run")))
        return ProgramNeeds(ownFolders: own, searchPath: path).missing(of: folder("run"), called: "bin/run")
    }

    @Test(
        "an interpreter that is not there is named with who asks for it",
        arguments: [
            ("#!/no/such/python9 -u\n", "/no/such/python9 is missing, which bin/run names as its interpreter"),
            ("#! /usr/bin/env gwe-python9\n", "gwe-python9 is missing in PATH (/usr/bin:/bin), which bin/run needs"),
            ("#!/usr/bin/env -S gwe-python9 -u\n", "gwe-python9 is missing in PATH (/usr/bin:/bin), which bin/run"),
        ])
    func interpreters(text: String, words: String) throws {
        let missing = try missing(Array(text.utf8))
        #expect(missing?.hasPrefix(words) == true, "\(missing ?? "nothing")")
    }

    @Test(
        "what is there, what comes with the package, and what is no program say nothing of the machine",
        arguments: [
            "#!/bin/sh\n", "#!/usr/bin/env sh\n", "#!/opt/app/venv/bin/python\n", "#!bin/python\n", "no program\n", "",
            "#!/bin/sh\r\n", "#!/usr/bin/env gwe-python9 -u\n", "#!/usr/bin/env A=b gwe-python9\n",
        ])
    func nothing(text: String) throws { #expect(try missing(Array(text.utf8), own: ["/opt/app"]) == nil) }

    @Test("without a PATH that is known, nobody is missed in it")
    func unknownPath() throws { #expect(try missing(Array("#!/usr/bin/env gwe-python9\n".utf8), path: "") == nil) }

    @Test("a loader that is not there, and a program for another machine, are told; a whole program needs nothing")
    func programs() throws {
        let program = Array(try Data(contentsOf: URL(fileURLWithPath: "/bin/true")))
        #expect(try missing(program) == nil)
        let name = Array("/ld-linux".utf8)
        let place = try #require(program.firstRange(of: name))
        var other = program
        other.replaceSubrange(place, with: Array("/no-linux".utf8))
        let words = try missing(other)
        #expect(words?.contains("/no-linux") == true, "\(words ?? "nothing")")
        #expect(words?.contains(" is missing, which bin/run names as its loader") == true, "\(words ?? "nothing")")
        // A machine that nobody has here; with emulators, any program may run.
        var foreign = program
        foreign.replaceSubrange(18..<20, with: (program[5] == 1 ? [8, 0] : [0, 8]) as [UInt8])
        let formats = (try? FileTree.list("/proc/sys/fs/binfmt_misc"))?.filter { $0 != "register" && $0 != "status" }
        let refusal = try missing(foreign)
        if formats?.isEmpty ?? true {
            #expect(refusal?.hasPrefix("this machine is ") == true, "\(refusal ?? "nothing")")
            #expect(refusal?.contains("bin/run is built for MIPS") == true, "\(refusal ?? "nothing")")
        } else {
            #expect(refusal == nil)
        }
    }
}
