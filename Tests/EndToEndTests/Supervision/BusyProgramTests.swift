import Foundation
import TestSupport
import Testing

/// A program is run right after it was written, while others are forked all the time: a child that was forked in between
/// holds the descriptor that wrote it until its exec, and the kernel then refuses the program as busy (ETXTBSY, execve(2)).
@Suite("Programs that were just written") struct BusyProgramTests {
    // golang/go#22315, kolide/launcher#1454, rust-lang/rust#114554
    @Test("forty installs with an installer beside five apps that end at once: none is told to be busy")
    func loop() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let conf = "[supervisord]\ncommand=/bin/false\nautorestart=true\nstartsecs=0\nstartretries=100000\n"
        func write(_ package: TestPackage) throws -> String {
            let path = gateway.root + "/" + package.fileName
            try Data(package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            return path
        }
        let alternating = try ["1", "2"].map { try write(.oneOff("tool", $0)) }
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        try gateway.withDaemon { daemon in
            for number in 1...5 {
                _ = try gateway.gwe(
                    "install", write(TestPackage("end\(number)", "1", files: ["supervisor.conf": .init(conf)])))
            }
            for number in 0..<40 {
                let ran = try gateway.gwe("install", "--allow-downgrade", alternating[number % 2])
                #expect(ran.code == 0, "\(number): \(ran)")
            }
            #expect(!daemon.err.contains("busy"), "\(daemon.err)")
        }
    }
}
