import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A descriptor that the caller left open: roehling/postsrsd#65.
@Suite("Reports of other programs: descriptors of the caller") struct InheritedDescriptorTests {
    @Test("the daemon keeps none, also not across an exec in place, and keeps its own lock")
    func none() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let lock = gateway.root + "/script.lock"
        try gateway.write("", to: lock)
        let daemon = try TestProcess(
            "/bin/sh", ["-c", "exec 8<\"$1\"; exec \"$0\" run", "\(Repository.products)/gwe", lock],
            environment: gateway.variables, scratch: gateway.root + "/scratch")
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
        }
        func ups() -> Int { (daemon.out + daemon.err).components(separatedBy: "is up, socket").count - 1 }
        func open() -> [String] {
            let folder = "/proc/\(daemon.pid)/fd"
            return gateway.names(folder).compactMap { FileTree.linkTarget("\(folder)/\($0)") }
        }
        try gateway.eventually("it is up") { ups() == 1 }
        #expect(!open().contains(lock))
        daemon.send(SIGUSR1)
        try gateway.eventually("it has replaced itself") { ups() == 2 }
        #expect(open().contains(gateway.stateFolder + "/lock"))
        #expect(daemon.isRunning)
    }
}
