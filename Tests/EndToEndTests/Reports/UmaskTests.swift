import Documents
import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Reports of other programs: a umask that leaves nothing") struct UmaskTests {
    private func mode(_ path: String) throws -> mode_t {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw TestFailure("\(path) is not there") }
        return status.st_mode & 0o777
    }

    @Test(
        "what the daemon makes, its owner can use, and nobody else what the umask takes away",
        arguments: ["777", "077"])
    func owner(_ umask: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let daemon = try TestProcess(
            "/bin/sh", ["-c", "umask \(umask); exec \"$0\" run", "\(Repository.products)/gwe"],
            environment: gateway.variables, scratch: gateway.root + "/scratch")
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        let log = gateway.logFolder + "/web.log"
        try gateway.eventually("the app has spoken") { gateway.read(log)?.contains("web 1 is up") == true }
        #expect(try mode(log) == 0o600)
        for folder in [gateway.stateFolder + "/run", gateway.stateFolder, gateway.logFolder] {
            #expect(try mode(folder) & 0o700 == 0o700, "\(folder)")
        }
        #expect(try gateway.row("web")["state"]?.string == "RUNNING")
    }
}
