import Documents
import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// A package that tries to get out of its folder, through the whole path from the cloud to the disk.
@Suite("an archive that tries to escape") struct GatewayEscapeTests {
    struct Attack: Sendable {
        var app: String
        /// What stands in the message.
        var entry: String
        var build: @Sendable (inout GatewayTar) -> Void
    }

    static let attacks: [Attack] = [
        Attack(app: "absolute", entry: "/tmp/gwe-escaped") { $0.add("/tmp/gwe-escaped", .file, "attack") },
        Attack(app: "parent", entry: "../escaped") { $0.add("../escaped", .file, "attack") },
        Attack(app: "parents", entry: "a/../../../escaped") { $0.add("a/../../../escaped", .file, "attack") },
        Attack(app: "absolute-link", entry: "l") { $0.add("l", .symlink, target: "/etc") },
        Attack(app: "link-out", entry: "a/l") { $0.add("a/l", .symlink, target: "../../../escaped") },
        Attack(app: "through-link", entry: "l/escaped") {
            $0.add("l", .symlink, target: "..")
            $0.add("l/escaped", .file, "attack")
        },
        Attack(app: "over-link", entry: "l") {
            $0.add("l", .symlink, target: "inside")
            $0.add("l", .file, "attack")
        },
        Attack(app: "hard-link", entry: "h") { $0.add("h", .hardLink, target: "/etc/passwd") },
        Attack(app: "hard-link-out", entry: "h") { $0.add("h", .hardLink, target: "../../../token") },
        Attack(app: "character", entry: "n") { $0.add("n", .character) },
        Attack(app: "block", entry: "n") { $0.add("n", .block) },
        Attack(app: "fifo", entry: "n") { $0.add("n", .fifo) },
        Attack(app: "setuid", entry: "s") { $0.add("s", .file, "x", mode: 0o4755) },
        Attack(app: "setgid", entry: "s") { $0.add("s", .file, "x", mode: 0o2755) },
        Attack(app: "control", entry: "a\\x1bb") { $0.add("a\u{1B}b") },
    ]

    private func upload(_ attack: Attack, _ version: String, to gateway: GatewayFixture) throws {
        var tar = GatewayTar()
        tar.add("install.sh", .file, "#!/bin/sh\ntouch \"$GWE_DATA_DIR/ran\"\n", mode: 0o755)
        tar.add("a/file", .file, "innocent")
        attack.build(&tar)
        try gateway.sandbox.uploadContent("\(attack.app).v\(version).tar.gz", tar.gzipped)
    }

    private func manifest(_ version: String) -> String {
        let apps =
            GatewayEscapeTests.attacks.map { "  \($0.app): {version: \"\(version)\"}" } + ["  good: {version: \"1\"}"]
        return "schema: gwe/v1\napps:\n" + apps.joined(separator: "\n") + "\n"
    }

    @Test("is refused with its entry named, leaves nothing, and holds nobody else up")
    func refused() throws {
        let gateway = try GatewayFixture()
        for attack in GatewayEscapeTests.attacks { try upload(attack, "1", to: gateway) }
        try gateway.upload(.oneOff("good", "1"))
        try gateway.manifest(manifest("1"))
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 1, "\(pass)")
        let text = try #require(try gateway.resource("fetch_status"))
        let reported = try JSON.parse(text, source: "fetch_status").json
        var named = 0
        for attack in GatewayEscapeTests.attacks {
            let message = "cannot unpack entry '\(attack.entry)'"
            #expect(
                pass.err.contains("\(attack.app): \(attack.app).v1.tar.gz: \(message)"), "\(attack.app): \(pass.err)")
            #expect(gateway.names("\(gateway.stateFolder)/releases/\(attack.app)").isEmpty, "\(attack.app)")
            #expect(!FileTree.exists("\(gateway.stateFolder)/data/\(attack.app)/ran"), "\(attack.app)")
            // The cloud is told of the latest ten.
            if let state = reported["\(attack.app).v1.tar.gz"] {
                named += 1
                #expect(state.text().contains(message.replacingOccurrences(of: "\\", with: "\\\\")), "\(state.text())")
            }
        }
        #expect(named >= 9)
        #expect(gateway.read(gateway.stateFolder + "/data/good/runs") == "1\n")
        #expect(!FileTree.exists("/tmp/gwe-escaped"))
        #expect(gateway.names(gateway.root).filter { $0.contains("escaped") }.isEmpty)
        #expect(!gateway.names(gateway.stateFolder).contains("escaped"))
        #expect(gateway.names(gateway.stateFolder + "/releases").sorted().filter { $0 == "escaped" }.isEmpty)
    }

    @Test("as an upgrade is refused, and what was there stays in force")
    func upgrade() throws {
        let gateway = try GatewayFixture()
        let attack = Attack(app: "web", entry: "../escaped") { $0.add("../escaped", .file, "attack") }
        try gateway.upload(.service("web", "1"))
        try upload(attack, "2", to: gateway)
        try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"1\"}\n")
        #expect(try gateway.gwe("reconcile").code == 0)
        let before = FolderSnapshot(gateway.stateFolder + "/releases/web/" + (gateway.current("web") ?? ""))
        let names = gateway.names(gateway.stateFolder + "/releases/web")
        try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"2\"}\n")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 20, "\(pass)")
        #expect(pass.err.contains("cannot unpack entry '../escaped'"), "\(pass)")
        #expect(gateway.names(gateway.stateFolder + "/releases/web") == names)
        let after = FolderSnapshot(gateway.stateFolder + "/releases/web/" + (gateway.current("web") ?? ""))
        #expect(after.differences(from: before).isEmpty)
    }
}
