import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `poll: long`: what is written in the cloud is carried out at once, though the next poll is four hours away.
@Suite("A watch on the cloud") struct CloudWatchTests {
    private func gateway(isRegistered: Bool = true) throws -> GatewayFixture {
        let gateway = try GatewayFixture(isRegistered: isRegistered)
        let file = gateway.configFolder + "/gateway.yaml"
        try gateway.write((gateway.read(file) ?? "") + "poll: long\nupdate_interval: 4h\n", to: file)
        return gateway
    }

    private func install(_ names: String...) -> String {
        "{\"install\":[" + names.map { "{\"name\":\"\($0)\"}" }.joined(separator: ",") + "]}"
    }

    private func manifest(_ app: String, _ version: String) -> String {
        "schema: gwe/v1\napps: {\(app): {version: \"\(version)\"}}\n# " + String(repeating: "x", count: 2_000) + "\n"
    }

    /// Waits until the daemon's first pass is over: from then on the watch asks. A report in the cloud is not enough, for
    /// a pass that loses the cloud after it leaves the watch waiting.
    private func isWatching(_ gateway: GatewayFixture) throws {
        try gateway.eventually("the first pass is over") { try gateway.status().document["next_poll"] != nil }
        #expect(try gateway.sandbox.read(gateway.id, "engine_report") != nil)
    }

    /// The numbers of passes so far, by the write-and-reads and reads that ask for `update_interval`.
    private func passCount(_ gateway: GatewayFixture) throws -> Int {
        try gateway.sandbox.requestLog().filter { $0.path.contains("update_interval&config_otau") }.count
    }

    @Test("commands and manifests are applied at once, and passes come of nothing else")
    func applied() throws {
        let gateway = try gateway()
        for version in ["1", "2", "3"] { try gateway.upload(.oneOff("tool", version)) }
        try gateway.upload(.oneOff("other", "1"))
        try gateway.withDaemon { (daemon) throws in
            try isWatching(gateway)
            try gateway.command(install("tool.v1.tar.gz"))
            try gateway.eventually("1 is in force") { gateway.current("tool") != nil }
            try gateway.eventually("it is cleared") { try gateway.resource("engine_fetch") == "" }
            try gateway.command(install("other.v1.tar.gz"))
            try gateway.eventually("other is in force") { gateway.current("other") != nil }

            let text = manifest("tool", "2")
            try gateway.command(text)
            try gateway.eventually("2 is in force") { try gateway.row("tool")["installed"]?.string == "2" }
            try gateway.eventually("the manifest rules alone") { gateway.current("other") == nil }
            #expect(try gateway.resource("engine_fetch") == text, "a manifest stays")

            // Bad input is looked at once, however long it stands.
            try gateway.command("just words")
            try gateway.eventually("it is refused") {
                try gateway.resource("fetch_status")?.contains("test_error") == true
            }
            // The watch looks a second time at a new value; on a busy machine before that pass has ended, and then
            // there is one more. After this one there can be none.
            _ = try gateway.gwe("reconcile")
            let passes = try passCount(gateway)
            try gateway.command("")
            // That what was wrong is gone is a reason for one pass, and an empty value by itself is none.
            try gateway.eventually("the refusal is taken back") { try passCount(gateway) > passes }
            // After this pass there is nothing left to take back.
            _ = try gateway.gwe("reconcile")
            let settled = try passCount(gateway)
            try gateway.command(" ")
            // It hears of a new value twice, and has made up its mind about the first when it asks for the second.
            try gateway.eventually("the watch asks again") {
                try gateway.sandbox.requestLog().count {
                    $0.path.hasSuffix("?engine_fetch") && $0.sentByteCount == "engine_fetch=%20".utf8.count
                } >= 2
            }
            #expect(try passCount(gateway) == settled, "an empty value is no reason for a pass")
            try gateway.command(manifest("tool", "3"))
            try gateway.eventually("3 is in force") { try gateway.row("tool")["installed"]?.string == "3" }
        }
    }

    @Test("what was written while the daemon was down, and a device that activates late")
    func later() throws {
        let gateway = try gateway(isRegistered: false)
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("the cloud does not know it") { daemon.err.contains("no such device") }
            try gateway.sandbox.addDevice(gateway.id)
            #expect(try gateway.gwe("reconcile").code == 0)
            try gateway.command(install("tool.v1.tar.gz"))
            try gateway.eventually("it is applied") { gateway.current("tool") != nil }
        }
        try gateway.upload(.oneOff("tool", "2"))
        try gateway.command(install("tool.v2.tar.gz"))
        try gateway.withDaemon { _ in
            try gateway.eventually("2 is in force") { try gateway.row("tool")["installed"]?.string == "2" }
        }
    }

    /// What the status says of the watch.
    private func troubles(_ gateway: GatewayFixture) throws -> [String] {
        let problems = try gateway.status().document["problems"]?.elements ?? []
        return problems.compactMap(\.string).filter { $0.contains("are not heard of at once since ") }
    }

    @Test("the cloud goes away, which the status says at once, and comes back")
    func restart() throws {
        let gateway = try gateway()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.withDaemon { (daemon) throws in
            try isWatching(gateway)
            gateway.sandbox.stop()
            try gateway.eventually("the watch says so") { daemon.err.contains("changes are seen at the next poll") }
            #expect(try troubles(gateway).count == 1)
            let again = try gateway.nextCloud()
            defer { again.stop() }
            try again.write(gateway.id, "engine_fetch", install("tool.v1.tar.gz"))
            try gateway.eventually("it is applied") { gateway.current("tool") != nil }
            #expect(!daemon.err.contains("fatal"))
            #expect(try troubles(gateway).isEmpty)
        }
    }

    @Test("a stop ends the request that is held, and an exec in place begins another")
    func ends() throws {
        let gateway = try gateway()
        try gateway.upload(.oneOff("tool", "1"))
        let daemon = try gateway.startDaemon()
        defer { gateway.killApps() }
        try isWatching(gateway)
        daemon.send(SIGUSR1)
        try gateway.eventually("the new program is up") {
            daemon.err.components(separatedBy: "is up, socket").count > 2
                || daemon.out.components(separatedBy: "is up, socket").count > 2
        }
        try gateway.command(install("tool.v1.tar.gz"))
        try gateway.eventually("it is applied") { gateway.current("tool") != nil }
        let start = ContinuousClock.now
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
        // The server would hold the request for five minutes.
        #expect(start.duration(to: .now) < .seconds(60))
    }

    @Test("without the setting nothing is held, and a dry run never holds anything")
    func off() throws {
        let gateway = try gateway()
        #expect(try gateway.gwe("activate").code == 0)
        #expect(try gateway.gwe("reconcile").code == 0)
        _ = try gateway.dryRun()
        let plain = try GatewayFixture()
        try plain.withDaemon { (daemon) throws in #expect(try plain.gwe("reconcile").code == 0) }
        for gateway in [gateway, plain] {
            #expect(try gateway.sandbox.requestLog().allSatisfy { !$0.path.hasSuffix("?engine_fetch") })
        }
    }
}
