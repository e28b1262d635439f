import Documents
import Foundation
import TestSupport
import Testing

/// What a release needs of the machine and does not find there: an interpreter, a loader, a user.
@Suite("What a release needs of the machine") struct MachineNeedsTests {
    private let gateway: GatewayFixture
    private let interpreter: String

    init() throws {
        gateway = try GatewayFixture(hasCloud: false)
        interpreter = gateway.root + "/tools/python9"
    }

    private func installInterpreter() throws {
        try FileManager.default.createDirectory(atPath: gateway.root + "/tools", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: interpreter, withDestinationPath: "/bin/sh")
    }

    @Test("a version whose interpreter is missing interrupts nothing, and comes as soon as the interpreter is there")
    func missingInterpreter() throws {
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { _ in
            try gateway.eventually("version 1 runs") { try gateway.row("web")["state"]?.string == "RUNNING" }
            let pid = try #require(try gateway.pid(of: "web"))
            let program = TestPackage.File("#!\(interpreter)\nexec sleep 1000\n", mode: 0o755)
            try gateway.services([.quickService("web", "2", extra: ["bin/run": program])])
            // More often than a release may fail.
            for _ in 0..<4 {
                let ran = try gateway.gwe("reconcile", "--offline")
                #expect(ran.code == 20, "\(ran)")
                let words = "\(interpreter) is missing, which bin/run names as its interpreter: install it"
                #expect((ran.out + ran.err).contains(words), "\(ran)")
            }
            #expect(try gateway.pid(of: "web") == pid)
            #expect(gateway.current("web")?.hasPrefix("1-") == true)
            #expect(try gateway.row("web")["sync"]?.string == "drifted(version)")
            let status = try gateway.gwe("status", "--json")
            #expect(status.out.contains("is missing, which bin/run names"), "\(status)")
            try installInterpreter()
            let next = try gateway.gwe("reconcile", "--offline")
            #expect(next.code == 0, "\(next)")
            #expect(gateway.current("web")?.hasPrefix("2-") == true)
            #expect(try gateway.pid(of: "web") != pid)
        }
    }

    @Test("an installer whose interpreter is missing is not begun, and nothing counts against its release")
    func installer() throws {
        let script = TestPackage.File("#!\(interpreter)\necho ran >>\"$GWE_DATA_DIR/runs\"\n", mode: 0o755)
        try gateway.services([TestPackage("tool", "1", files: ["install.sh": script])])
        for _ in 0..<4 {
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 1, "\(ran)")
            let words = "\(interpreter) is missing, which install.sh names as its interpreter: install it"
            #expect((ran.out + ran.err).contains(words), "\(ran)")
        }
        try installInterpreter()
        let next = try gateway.gwe("reconcile")
        #expect(next.code == 0, "\(next)")
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "ran\n")
    }

    @Test("an installer may bring what the service needs; what it does not bring is told, and it runs once")
    func broughtByInstaller() throws {
        let installer = TestPackage.File.script("echo ran >>\"$GWE_DATA_DIR/runs\"")
        let program = TestPackage.File("#!\(interpreter)\nexec sleep 1000\n", mode: 0o755)
        try gateway.services([.quickService("web", "1", extra: ["install.sh": installer, "bin/run": program])])
        for _ in 0..<4 {
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 1 && (ran.out + ran.err).contains("\(interpreter) is missing"), "\(ran)")
        }
        #expect(gateway.current("web") == nil)
        try installInterpreter()
        let next = try gateway.gwe("reconcile")
        #expect(next.code == 0, "\(next)")
        #expect(gateway.read(gateway.stateFolder + "/data/web/runs") == "ran\n")
    }

    @Test("a user who does not exist keeps a version from its turn, with the way to make the user")
    func user() throws {
        let conf = "[supervisord]\ncommand=bin/run\nautorestart=false\nstartsecs=0\nuser=gwe-no-such-user\n"
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.services([.quickService("web", "2", extra: ["supervisor.conf": .init(conf)])])
        for _ in 0..<4 {
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 20, "\(ran)")
            #expect((ran.out + ran.err).contains("user 'gwe-no-such-user' is missing, as whom web is to run"), "\(ran)")
        }
        #expect(gateway.current("web")?.hasPrefix("1-") == true)
        #expect(try gateway.row("web")["sync"]?.string == "drifted(version)")
    }
}
