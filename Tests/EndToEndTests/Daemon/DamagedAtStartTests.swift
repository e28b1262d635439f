import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What a daemon starts that finds a release otherwise than it was installed.
@Suite("A damaged release at the start of the daemon") struct DamagedAtStartTests {
    private let gateway: GatewayFixture

    /// A service that was installed and ran; the daemon has ended.
    init() throws {
        gateway = try GatewayFixture(hasCloud: false)
        let program = TestPackage.File.script("echo good >>\"$GWE_DATA_DIR/starts\"\nexec sleep 1000")
        try gateway.services([
            .quickService("web", "1", extra: ["bin/run": program]), .quickService("other", "1"),
        ])
        try gateway.withDaemon { [gateway] _ in
            try gateway.eventually("both run") { try gateway.pid(of: "web") != nil && gateway.pid(of: "other") != nil }
        }
    }

    private var starts: String? { gateway.read(gateway.stateFolder + "/data/web/starts") }

    private func damage() throws {
        let path = gateway.currentFolder(of: "web") + "/bin/run"
        try gateway.write("#!/bin/sh\necho evil >>\"$GWE_DATA_DIR/starts\"\nexec sleep 1000\n", to: path)
        try #require(chmod(path, 0o777) == 0)
    }

    @Test("is repaired from the kept package before it runs; others start at once")
    func repaired() throws {
        try gateway.eventually("it has started") { starts == "good\n" }
        try damage()
        try gateway.withDaemon { daemon in
            try gateway.eventually("both run") { try gateway.pid(of: "web") != nil && gateway.pid(of: "other") != nil }
            try gateway.eventually("it has started again") { starts != "good\n" }
            #expect(starts == "good\ngood\n")
            #expect((daemon.out + daemon.err).contains("it is repaired before it is started"))
            var status = stat()
            _ = stat(gateway.currentFolder(of: "web") + "/bin/run", &status)
            #expect(status.st_mode & 0o777 == 0o755)
        }
    }

    @Test("is started as it is, with a warning, where no pass may repair it")
    func held() throws {
        try gateway.eventually("it has started") { starts == "good\n" }
        try damage()
        let path = "\(gateway.root)/web.v1.tar.gz"
        try gateway.manifest(
            "schema: gwe/v1\napps:\n  web: {version: \"1\", hold: true, artifact: {path: \(path)}}\n")
        try gateway.withDaemon { daemon in
            try gateway.eventually("it has started again") { starts == "good\nevil\n" }
            #expect((daemon.out + daemon.err).contains("bin/run is modified, and it cannot be repaired first"))
        }
    }

    @Test("is started as it is, with a warning, where the kept package turns out to be damaged and no other comes")
    func damagedPackage() throws {
        try gateway.eventually("it has started") { starts == "good\n" }
        try damage()
        let kept = try #require(gateway.names(gateway.stateFolder + "/downloads").first { $0.hasPrefix("web.v1") })
        let path = "\(gateway.stateFolder)/downloads/\(kept)"
        let size = try #require(FileTree.byteCount(ofFile: path))
        try gateway.write(String(repeating: "x", count: Int(size)), to: path)
        try #require(unlink("\(gateway.root)/web.v1.tar.gz") == 0)
        try gateway.withDaemon { daemon in
            try gateway.eventually("it has started again") { starts == "good\nevil\n" }
            #expect((daemon.out + daemon.err).contains("was not repaired: started as it is"))
        }
    }
}
