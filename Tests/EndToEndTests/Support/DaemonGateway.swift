import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A gateway with a daemon, and what is said of its apps.
extension GatewayFixture {
    /// Runs a piece beside `gwe run`, and ends the daemon as a service manager does, whatever becomes of the piece.
    func withDaemon(_ body: (TestProcess) throws -> Void) throws {
        let daemon = try startDaemon()
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            killApps()
        }
        try body(daemon)
    }

    /// Puts packages beside the manifest, which names them all as services that run.
    func services(_ packages: [TestPackage], requires: [String: String] = [:]) throws {
        var text = "schema: gwe/v1\napps:\n"
        for package in packages {
            let path = "\(root)/\(package.fileName)"
            try Data(try package.bytes(scratch: root + "/scratch")).write(to: URL(fileURLWithPath: path))
            let needs = requires[package.name].map { ", requires: [\($0)]" } ?? ""
            text += "  \(package.name): {version: \"\(package.version)\", artifact: {path: \(path)}\(needs)}\n"
        }
        try manifest(text)
    }

    /// Ends what a killed daemon left running.
    func killApps() {
        for name in names(stateFolder + "/run") where name.hasSuffix(".process") {
            if let pid = ProcessRecord("\(stateFolder)/run/\(name)")?.process?.pid { kill(-pid, SIGKILL) }
        }
    }

    /// Waits until something holds; a failed expectation when it never does.
    func eventually(
        _ what: String, at location: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
    ) throws {
        let holds = try TestSupport.eventually(condition)
        if !holds { Issue.record("never: \(what)", sourceLocation: location) }
    }

    /// The document of `gwe status --json`.
    func status(_ arguments: String...) throws -> (code: Int32?, document: JSONValue) {
        let ran = try start(["status", "--json"] + arguments).wait()
        return (ran.code, ran.json ?? .null)
    }

    /// One app's row of the status.
    func row(_ app: String, _ arguments: String...) throws -> JSONValue {
        let ran = try start(["status", "--json"] + arguments).wait()
        return ran.json?["apps"]?.elements?.first { $0["app"]?.string == app } ?? .null
    }

    /// The process of an app; nil when it has none.
    func pid(of app: String) throws -> Int32? { try row(app)["pid"]?.int.map(Int32.init) }

    /// The plan of a dry run as people read it.
    func dryRun(_ arguments: String...) throws -> Ran { try start(["reconcile", "--dry-run"] + arguments).wait() }
}

extension TestPackage {
    /// A service that counts as running at once and is not restarted by itself.
    static func quickService(_ name: String, _ version: String, extra: [String: File] = [:]) -> TestPackage {
        let conf = "[supervisord]\ncommand=bin/run\nautorestart=false\nstartsecs=0\n"
        return .service(name, version, extra: ["supervisor.conf": File(conf)].merging(extra) { $1 })
    }
}
