import Documents
import Foundation
import GatewaySystem
import TestSupport

/// Holds a gateway against what a scenario expects, after it was killed. Each line it returns is a defect.
struct KillVerification {
    let gateway: GatewayFixture
    var defects: [String] = []

    init(_ gateway: GatewayFixture) { self.gateway = gateway }

    /// Points between which an installer has run, or may have, without a record of it: it may run once more.
    static let rerunPoints: Set<String> = ["install.ran", "install.scanned", "install.synced", "install.inventoried"]

    /// - Parameters:
    ///   - alternative: allowed as well, where the kill came before the wish was durable.
    ///   - reruns: how often a kill hit an installer that had run without a record.
    mutating func check(_ expected: KillScenario.Expectation, alternative: KillScenario.Expectation?, reruns: Int)
        throws
    {
        let first = try gateway.gwe("reconcile")
        if first.code != 0 { defects.append("the next pass does not converge: \(first)") }
        let second = try gateway.gwe("reconcile", "--json")
        let plan = second.jsonLines.first { $0["type"]?.string == "plan" }
        if second.code != 0 || plan?["changes"]?.int != 0 || plan?["errors"]?.elements?.isEmpty != true {
            defects.append("the pass after it has something to do: \(second)")
        }
        // Planned by the same code as the pass before: in the short form one strike in four asks for it too.
        if KillCampaign.isLong || gateway.root.utf8.last.map({ $0 % 4 == 0 }) == true {
            let dry = try gateway.gwe("reconcile", "--dry-run")
            if dry.code != 0 { defects.append("a dry run is not in sync: \(dry)") }
        }
        let versions = try status()
        var expected = expected
        if versions != expected.versions, let alternative { expected = alternative }
        if versions != expected.versions { defects.append("in force is \(versions), expected \(expected.versions)") }
        disk(expected.versions)
        for (app, runs) in expected.runs { check(runs: runs, of: app, reruns: reruns) }
        if let text = try gateway.resource("engine_fetch"), !text.isEmpty, !text.hasPrefix("schema") {
            defects.append("engine_fetch is not cleared: \(text)")
        }
    }

    /// The versions in force, all of which must be as they were installed.
    private mutating func status() throws -> [String: String] {
        let status = try gateway.gwe("status", "--deep", "--json")
        guard let apps = status.json?["apps"]?.elements else {
            defects.append("status does not answer: \(status)")
            return [:]
        }
        if status.code != 0 && status.code != 3 { defects.append("status is not well: \(status)") }
        if status.json?["problems"]?.elements?.isEmpty != true { defects.append("status has problems: \(status)") }
        var versions: [String: String] = [:]
        for app in apps {
            guard let name = app["app"]?.string else { continue }
            if app["sync"]?.string != "synced" { defects.append("\(name) is \(app.text())") }
            versions[name] = app["installed"]?.string
        }
        return versions
    }

    /// No half release, no staging folder, nothing that nobody knows.
    private mutating func disk(_ versions: [String: String]) {
        let state = gateway.stateFolder
        let known = [
            "ballast", "data", "downloads", "gateway.last-good.yaml", "journal.db", "journal.db-journal",
            "journal.db-redo", "lock",
            "releases", "run", "services", "usage.db", "usage.db-journal",
        ]
        for name in gateway.names(state) where !known.contains(name) && !name.hasPrefix("token") {
            if !name.hasPrefix("journal.db.broken-") { defects.append("the state folder holds \(name)") }
        }
        let apps = gateway.names(state + "/releases")
        if apps != versions.keys.sorted() { defects.append("releases/ holds \(apps)") }
        for app in apps {
            let names = gateway.names("\(state)/releases/\(app)").filter { $0 != "current" }
            let folders = names.filter { !$0.hasSuffix(".inventory") && !$0.hasPrefix(".") }
            if Set(names) != Set(folders + folders.map { $0 + ".inventory" }) {
                defects.append("releases/\(app) holds \(names)")
            }
            if folders.count > 2 { defects.append("releases/\(app) keeps \(folders)") }
            let current = gateway.current(app) ?? "nothing"
            if !folders.contains(current) { defects.append("\(app)/current points to \(current)") }
            if !current.hasPrefix((versions[app] ?? "") + "-") { defects.append("\(app)/current points to \(current)") }
            let artifacts = gateway.names(state + "/downloads").filter {
                $0.hasPrefix(app + ".v") && !$0.hasSuffix(".origin")
            }
            if artifacts.count > folders.count { defects.append("downloads/ keeps \(artifacts) for \(folders)") }
        }
        for name in gateway.names(state + "/downloads") {
            let isOfApp = apps.contains { name.hasPrefix($0 + ".v") }
            if !isOfApp || name.hasSuffix(".partial") { defects.append("downloads/ holds \(name)") }
        }
    }

    private mutating func check(runs: [String], of app: String, reruns: Int) {
        let found = (gateway.read("\(gateway.stateFolder)/data/\(app)/runs") ?? "").split(separator: "\n").map(
            String.init)
        var allowed = [runs]
        for count in 0..<reruns { allowed.append(runs + Array(repeating: runs.last ?? "", count: count + 1)) }
        if !allowed.contains(found) { defects.append("the installer of \(app) ran for \(found), expected \(runs)") }
    }
}
