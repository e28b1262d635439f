import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Who waits for whom at the lock of a state folder.
@Suite("The daemon and the lock") struct DaemonLockTests {
    @Test("a daemon waits for the pass of a command line, and comes up after it")
    func waitsForPass() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        _ = try FileTree.makeDirectory(gateway.stateFolder)
        var lock: FileLock? = try FileLock.acquire(gateway.stateFolder + "/lock", purpose: "reconcile")
        let daemon = try gateway.start(["run"])
        defer { daemon.send(SIGTERM) }
        let words = "held by gwe reconcile, process \(getpid())"
        try gateway.eventually("it says for whom it waits") { daemon.err.contains(words) }
        #expect(!daemon.err.contains("is up"))
        #expect(lock != nil)
        lock = nil
        try gateway.eventually("it is up") { daemon.err.contains("is up, socket") }
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }
}
