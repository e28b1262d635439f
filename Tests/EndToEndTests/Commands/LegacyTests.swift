import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// The command lines of Gateway Engine's documentation, on a gateway of today.
@Suite("Gateway Engine's command line") struct LegacyTests {
    @Test("a gateway is set up, activated and run once with the old flags, and each names its successor")
    func setUp() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        try gateway.write("schema: gwe/v1\ncloud: \(gateway.sandbox.url)\n", to: gateway.configFolder + "/gateway.yaml")

        let set = try gateway.gwe(
            "--set-product-id", GatewayFixture.product, "-u", gateway.id, "--set-update-interval=60")
        #expect(set.code == 0, "\(set)")
        for word in ["config set product", "config set identity", "config set update_interval 60"] {
            #expect(set.err.contains(word), "\(set)")
        }
        let file = try #require(gateway.read(gateway.configFolder + "/gateway.yaml"))
        #expect(file.contains("product: \(GatewayFixture.product)"), "\(file)")
        #expect(file.contains("cloud: \(gateway.sandbox.url)"), "what was there stays")

        let unknown = try gateway.gwe("--gateway-cik")
        #expect(unknown.out == "''\n", "\(unknown)")
        let once = try gateway.gwe("-o")
        #expect(once.code == 0, "\(once)")
        #expect(once.err.contains("gwe reconcile"), "\(once)")
        #expect(gateway.current("tool") != nil)
        let token = try gateway.gwe("-C")
        #expect(token.out.count == 41, "\(token)")
        #expect(try gateway.sandbox.token(of: gateway.id).map { $0 + "\n" } == token.out)
    }

    @Test("-I takes several packages, --once ends with the exit status of the pass")
    func install() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        var paths: [String] = []
        for package in [TestPackage.oneOff("one", "1"), .oneOff("two", "2")] {
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            paths.append(path)
        }
        let ran = try gateway.start(["--install-apps"] + paths).wait()
        #expect(ran.code == 0, "\(ran)")
        #expect(gateway.current("one") != nil)
        #expect(gateway.current("two") != nil)
        try gateway.write("schema: gwe/v9\n", to: gateway.configFolder + "/manifest.yaml")
        #expect(try gateway.gwe("--once").code == 65)
    }

    @Test("without any argument gwe is the daemon, as supervisord started it")
    func noArguments() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let daemon = try gateway.start([])
        try gateway.eventually("it is up") { daemon.err.contains("is up, socket") }
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test(
        "what cannot be obeyed is 64 and says what to do instead",
        arguments: [
            ["--download-latest", "gmq-master"], ["-u"], ["-t", "60", "reconcile"], ["-n", "name"],
        ])
    func refused(arguments: [String]) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let ran = try gateway.start(arguments).wait()
        #expect(ran.code == 64, "\(ran)")
        #expect(!ran.err.isEmpty)
        #expect(gateway.read(gateway.configFolder + "/gateway.yaml") == nil)
    }
}
