import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Files that were broken or gone and stopped what other programs ran, by their public reports, tried on a real daemon.
/// The log of all of them is docs/field-reports.md.
@Suite("Reports of other programs: what was good goes on") struct ReportedLastGoodTests {
    private func gateway() throws -> GatewayFixture {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        return gateway
    }

    /// What stands for a manifest, and what the status says of it.
    private static let manifests: [(text: String, words: String)] = [
        // aws-greengrass/aws-greengrass-shadow-manager#193
        ("schema: gwe/v1\napps:\n", "apps: {} removes every app"), ("", "to remove every app, write apps: {}"),
        ("null\n", "to remove every app, write apps: {}"), ("{}\n", "the key schema is missing"),
        // faucetsdn/faucet#725, grafana/agent#5801
        ("schema: gwe/v1\napps:\n  web: {version: \"1\", artifact:", "manifest.yaml:3:"),
        ("\u{0}\u{0}\u{0}\u{0}", "the text holds a NUL byte"),
        ("schema: gwe/v2\napps: {}\n", "unknown schema \"gwe/v2\""),
        // CocoaPods/Core#100
        ("<<<<<<< HEAD\nschema: gwe/v1\n=======\napps: {}\n", "manifest.yaml:"),
    ]

    @Test("a manifest that is empty, null, cut off, of zeros, of tomorrow or half merged stops nothing, and is told")
    func brokenManifests() throws {
        let gateway = try gateway()
        try gateway.withDaemon { daemon in
            try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
            let pid = try gateway.pid(of: "web")
            for (text, words) in ReportedLastGoodTests.manifests {
                try gateway.manifest(text)
                daemon.send(SIGHUP)
                try gateway.eventually("\(words) is said") { try gateway.gwe("status").out.contains(words) }
                #expect(try gateway.pid(of: "web") == pid, "\(text)")
            }
        }
    }

    @Test(
        "systemd/systemd#30690, OpenRC/openrc#982: a pipe, a folder or a link to nowhere in the manifest's place hangs nothing",
        arguments: ["pipe", "folder", "nowhere", "itself", "gone"])
    func oddFiles(_ kind: String) throws {
        let gateway = try gateway()
        try gateway.withDaemon { daemon in
            try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
            let pid = try gateway.pid(of: "web")
            let path = gateway.configFolder + "/manifest.yaml"
            unlink(path)
            switch kind {
            case "pipe": mkfifo(path, 0o644)
            case "folder": mkdir(path, 0o755)
            case "nowhere": symlink("nowhere", path)
            case "itself": symlink("manifest.yaml", path)
            default: break
            }
            daemon.send(SIGHUP)
            try gateway.eventually("it is said") {
                try gateway.gwe("status").out.contains("the last good one (manifest.yaml) stays in force")
            }
            #expect(try gateway.pid(of: "web") == pid)
        }
    }

    @Test(
        "samschott/maestral#908, NousResearch/hermes-agent#106667: a damaged journal is moved aside, and the app runs",
        arguments: ["random", "page", "empty", "head"])
    func damagedJournal(_ kind: String) throws {
        let gateway = try gateway()
        let first = try gateway.gwe("reconcile", "--offline")
        #expect(first.code == 0, "\(first)")
        let path = gateway.stateFolder + "/journal.db"
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        switch kind {
        case "random": bytes = noise(5_000)
        case "page": bytes = Array(bytes.prefix(4_096))
        case "empty": bytes = []
        default: bytes = [UInt8](repeating: 0, count: 100) + bytes.dropFirst(100)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
        }
        #expect(access(path + ".broken-1", F_OK) == 0)
    }

    @Test("NousResearch/hermes-agent#106587: rubbish beside the journal takes no hold away")
    func sideFile() throws {
        let gateway = try gateway()
        #expect(try gateway.gwe("reconcile", "--offline").code == 0)
        #expect(try gateway.gwe("hold", "web").code == 0)
        try gateway.write("x", to: gateway.stateFolder + "/journal.db-journal")
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
            #expect(try gateway.gwe("status").out.contains("held"))
        }
    }

    @Test(
        "bblfsh/bblfshd#288, apple/ccs-calendarserver#135, katzenpost/katzenpost#1116: the socket of a killed daemon is no obstacle"
    )
    func staleSocket() throws {
        let gateway = try gateway()
        defer { gateway.killApps() }
        let killed = try gateway.startDaemon()
        try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
        let pid = try gateway.pid(of: "web")
        killed.kill()
        #expect(access(gateway.socketFile, F_OK) == 0)
        try gateway.withDaemon { _ in
            try gateway.eventually("web runs on") { try gateway.pid(of: "web") == pid }
        }
    }
}
