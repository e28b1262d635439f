import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// A package from a file, on a machine whose libraries of the network are of no use.
@Suite("Reports of other programs: a package from a file needs no network") struct LocalPackageTests {
    @Test("libcurl is not loaded for it")
    func withoutLibrary() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.write("no library\n", to: gateway.root + "/lib/libcurl.so.4")
        let ran = try gateway.gwe("reconcile", environment: ["LD_LIBRARY_PATH": gateway.root + "/lib"])
        #expect(ran.code == 0, "\(ran)")
        #expect(gateway.current("web")?.hasPrefix("1-") == true)
    }
}
