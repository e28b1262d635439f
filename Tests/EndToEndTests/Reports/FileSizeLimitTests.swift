import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// A limit for the size of files (RLIMIT_FSIZE): nodejs/node#27798, metwork-framework/log_proxy#5,
/// NetworkConfiguration/dhcpcd#386.
@Suite("Reports of other programs: a limit for the size of files") struct FileSizeLimitTests {
    private static let limit = 150_000

    private func start(_ gateway: GatewayFixture, _ arguments: String...) throws -> TestProcess {
        try TestProcess(
            "prlimit", ["--fsize=\(Self.limit)", "\(Repository.products)/gwe"] + arguments,
            environment: gateway.variables, scratch: gateway.root + "/scratch")
    }

    @Test("an app's log that may not grow ends neither the daemon nor the app, and both name the log and the limit")
    func log() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let body = """
            grep SigIgn /proc/$$/status >"$GWE_DATA_DIR/ignored"
            head -c 400000 /dev/zero | tr '\\0' a | fold -w 99
            echo end >"$GWE_DATA_DIR/written"
            exec sleep 1000
            """
        try gateway.services([.quickService("web", "1", extra: ["bin/run": .script(body)])])
        let daemon = try start(gateway, "run")
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        let data = gateway.stateFolder + "/data/web"
        try gateway.eventually("the app has written") { !daemon.isRunning || gateway.read(data + "/written") != nil }
        try gateway.eventually("the status tells") {
            guard daemon.isRunning else { return true }
            let text = try gateway.gwe("status", "web").out
            return text.contains("\(Self.limit) bytes") && text.contains("web.log") && text.contains("file too large")
        }
        #expect(daemon.isRunning, "\(daemon.wait())")
        #expect(try gateway.row("web")["state"]?.string == "RUNNING")
        // SIGXFSZ has its default effect in the app, whatever it has in gwe.
        let mask = gateway.read(data + "/ignored")?.split(whereSeparator: \.isWhitespace).last
        let ignored = try #require(mask.flatMap { UInt64($0, radix: 16) })
        #expect(ignored & 1 << UInt64(SIGXFSZ - 1) == 0)
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test("a package that does not fit is told as such, is no failure of the release, and fits without the limit")
    func package() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let large = TestPackage.File(String(repeating: "0123456789\n", count: 50_000))
        try gateway.services([.quickService("web", "1", extra: ["share/large": large])])
        for _ in 1...3 {
            let ran = try start(gateway, "reconcile").wait()
            #expect(ran.signal == nil && ran.code != 0, "\(ran)")
            let text = ran.out + ran.err
            #expect(
                text.contains("share/large") && text.contains("no file may have more than \(Self.limit) bytes"),
                "\(ran)")
            #expect(!text.contains("quarantined"), "\(ran)")
        }
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
    }
}
