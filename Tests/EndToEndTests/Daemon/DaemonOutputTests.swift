import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What becomes of the daemon when nobody takes what it writes.
@Suite("The daemon's output") struct DaemonOutputTests {
    private func daemon(_ gateway: GatewayFixture, _ script: String) throws -> TestProcess {
        return try TestProcess(
            "/bin/sh", ["-c", "exec \(Repository.products)/gwe run \(script)"], environment: gateway.variables,
            scratch: gateway.root + "/scratch")
    }

    private func waitUntilUp(_ gateway: GatewayFixture) throws {
        try gateway.eventually("the daemon is up") { FileTree.exists(gateway.socketFile) }
        try gateway.eventually("web runs, and the pass is over") { try gateway.status().code == 0 }
    }

    /// All that is in a pipe now.
    private func drain(_ fd: Int32) -> String {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(fd, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
        return String(decoding: text, as: UTF8.self)
    }

    @Test("a full pipe that nobody reads holds up no pass, no restart of an app and no stop")
    func fullPipe() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.service("web", "1")])
        let path = gateway.root + "/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        let pipe = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        try #require(pipe >= 0)
        defer { close(pipe) }
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 512)
        while write(pipe, line, line.count) > 0 {}
        let daemon = try daemon(gateway, ">\(path) 2>&1")
        defer {
            daemon.send(SIGKILL)
            gateway.killApps()
        }
        try waitUntilUp(gateway)
        #expect(try gateway.gwe("reconcile").code == 0)
        let pid = try #require(try gateway.pid(of: "web"))
        #expect(kill(pid, SIGKILL) == 0)
        try gateway.eventually("web runs again") {
            let now = try gateway.pid(of: "web")
            return now != nil && now != pid
        }
        #expect(!drain(pipe).contains("gwe"))
        try gateway.services([.service("web", "1"), .quickService("api", "1")])
        var text = ""
        try gateway.eventually("it says what is missing") {
            text += drain(pipe)
            return text.contains(" lines of this log are missing here: nobody took them\n")
        }
        while write(pipe, line, line.count) > 0 {}
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test("a daemon without standard descriptors opens nothing in their place")
    func closed() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let daemon = try daemon(gateway, "<&- >&- 2>&-")
        defer { gateway.killApps() }
        try waitUntilUp(gateway)
        for descriptor in 0...2 {
            let target = try FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/\(daemon.pid)/fd/\(descriptor)")
            #expect(target == "/dev/null", "\(descriptor)")
        }
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }
}
