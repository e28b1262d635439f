import DeviceClient
import Documents
import Foundation
import GatewayModel
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing
import Wire

@testable import GatewayAgent

/// Each check of `gwe doctor`, well and unwell, on what it looks at: files, a sandbox, certificates.
@Suite("gwe doctor's checks")
struct DoctorTests {
    let bench: DoctorBench

    init() throws { bench = try DoctorBench() }

    @Test("ids are unique, and a report counts what was found")
    func report() throws {
        #expect(Set(DoctorCheck.all.map(\.id)).count == DoctorCheck.all.count)
        try bench.configure()
        let report = Doctor.examine(bench.scene, [.config, .manifest, .queue])
        #expect(report.rows.map(\.id) == ["config", "manifest", "queue"])
        #expect(report.isWell && report.document.json["summary"]?["ok"]?.int == 3)
        #expect(report.document.json["checks"]?.elements?.first?["result"]?.string == "ok")
    }

    @Test("config: a good file passes; a broken one, and no identity, fail and stop no other check")
    func config() throws {
        #expect(bench.finding("config").verdict == .warning)
        try bench.configure()
        #expect(bench.finding("config") == .ok("gw-7 of product sandbox000000000"))
        try bench.gateway.write("schema: gwe/v1\nproduct: p\n", to: bench.folders.gatewayFile)
        #expect(bench.finding("config").verdict == .failed)
        try bench.gateway.write("schema: gwe/v1\nprodukt: p\n", to: bench.folders.gatewayFile)
        let broken = bench.finding("config")
        // An unknown key is a warning; that nobody says who this gateway is stays one.
        #expect(broken.verdict == .warning && broken.text.contains("produkt") && broken.hint != nil)
        try bench.gateway.write("schema: gwe/v1\nlog_level: loud\n", to: bench.folders.gatewayFile)
        let bad = bench.finding("config")
        #expect(bad.verdict == .failed && bad.text.contains("log_level") && bad.hint != nil)
        #expect(bench.finding("disk").verdict < .failed)
    }

    @Test("manifest: one that cannot be read as such fails")
    func manifest() throws {
        #expect(bench.finding("manifest").verdict == .ok)
        try bench.gateway.write("schema: gwe/v1\napps: {web: {version: \"1\"}}\n", to: bench.folders.manifestFile)
        #expect(bench.finding("manifest").text.hasSuffix("names 1 app"))
        try bench.gateway.write("apps: [", to: bench.folders.manifestFile)
        #expect(bench.finding("manifest").verdict == .failed)
    }

    @Test("clock: one that is behind the journal fails, as the daemon says")
    func clockBehind() throws {
        let before = ClockTrust.builtAt.advanced(by: .seconds(10 * 86_400))
        bench.now = before
        #expect(bench.finding("clock").verdict == .ok)
        bench.now = before.advanced(by: .seconds(20 * 86_400))
        do {
            let state = try LockedState(context: bench.scene.context, purpose: "a test")
            try state.journal.markSent([CloudWrite(.engineReport, "{}")])
        }
        #expect(bench.finding("clock").verdict == .ok)
        bench.now = before
        let behind = bench.finding("clock")
        #expect(behind.verdict == .failed && behind.text.contains("last ran"), "\(behind)")
    }

    @Test("clock: 1970 fails, the cloud's time passes, and a clock ten minutes off fails")
    func clock() throws {
        bench.now = WallTime(milliseconds: 12_000)
        #expect(bench.finding("clock").verdict == .failed)
        bench.now = nil
        try bench.startCloud()
        #expect(bench.finding("clock").verdict == .ok)
        bench.now = WallTime.now().advanced(by: .seconds(600))
        let ahead = bench.finding("clock")
        #expect(ahead.verdict == .failed && ahead.text.contains("ahead of the cloud's clock"))
        bench.now = nil
        var scene = bench.scene
        scene.isClockSynchronised = false
        #expect(Doctor.examine(scene, [.clock]).rows[0].finding.verdict == .warning)
    }

    @Test("ca-store: roots pass; a missing file, one without certificates and one of expired ones fail")
    func trustStore() throws {
        try bench.configure()
        #expect(bench.finding("ca-store").verdict == .ok)
        let good = try bench.certificate()
        try bench.configure("ca_file: \(good.path)")
        #expect(bench.finding("ca-store").text == "1 of 1 in \(good.path) are valid now")
        try bench.configure("ca_file: /no/such.pem")
        #expect(bench.finding("ca-store").verdict == .failed)
        try bench.configure("ca_file: \(good.keyPath)")
        #expect(bench.finding("ca-store").text.contains("holds no certificate"))
        let old = try bench.certificate(from: "2010-01-01", days: 10)
        try bench.configure("ca_file: \(old.path)")
        #expect(bench.finding("ca-store").text.contains("has expired"))
    }

    @Test("proxy: the one in force is tried, whoever names it; no_proxy and loopback are heeded")
    func proxy() throws {
        try bench.configure()
        #expect(bench.finding("proxy") == .ok("none"))
        let listener = try bench.startCloud()
        let port = listener.url.split(separator: ":").last ?? ""
        try bench.configure("proxy: http://user:secret@127.0.0.1:\(port)")
        #expect(bench.finding("proxy").verdict == .ok)
        listener.stop()
        // A port that is bound and on which nobody listens: one that is free may be taken by another test.
        let reserved = try ReservedPort()
        try bench.configure("proxy: http://user:secret@127.0.0.1:\(reserved.number)")
        let gone = bench.finding("proxy")
        #expect(gone.verdict == .failed && gone.text.contains("gateway.yaml") && !gone.text.contains("secret"))
        try bench.configure()
        bench.environment = ["https_proxy": "http://127.0.0.1:\(reserved.number)"]
        #expect(bench.finding("proxy").text.contains("(https_proxy)"))
        #expect(bench.finding("proxy").verdict == .failed)
        bench.environment["no_proxy"] = "example.org, exosite.io"
        #expect(bench.finding("proxy").verdict == .ok)
        bench.environment["no_proxy"] = nil
        try bench.configure("cloud: http://127.0.0.1:1")
        #expect(bench.finding("proxy").verdict == .ok)
    }

    @Test("reachability: an answer passes; a captive portal, an untrusted root and nobody fail, each with its own fix")
    func reachability() throws {
        let certificate = try bench.certificate()
        let sandbox = try bench.startCloud(certificate: certificate)
        #expect(bench.finding("reachability").verdict == .ok)
        sandbox.addFault(Fault(.captivePortal))
        let portal = bench.finding("reachability")
        #expect(portal.verdict == .failed && portal.hint?.contains("captive portal") == true)
        sandbox.clearFaults()
        let other = try bench.certificate()
        try bench.configure("cloud: \(sandbox.url)", "ca_file: \(other.path)")
        let untrusted = bench.finding("reachability")
        #expect(untrusted.verdict == .failed && untrusted.hint?.contains("ca_file") == true)
        let url = sandbox.url
        sandbox.stop()
        try bench.configure("cloud: \(url)")
        let nobody = bench.finding("reachability")
        #expect(nobody.verdict == .failed && nobody.hint?.contains("modem") == true)
    }

    @Test("certificate-expiry: the server's, the client's; expired and not yet valid fail, the last 30 days warn")
    func certificates() throws {
        let long = try bench.certificate()
        try bench.startCloud(certificate: long)
        #expect(bench.finding("certificate-expiry").verdict == .ok)
        bench.sandbox?.stop()
        let week = try bench.certificate(from: CertificateMaker.date(daysFromNow: -10), days: 15)
        try bench.startCloud(certificate: week)
        let soon = bench.finding("certificate-expiry")
        #expect(soon.verdict == .warning && soon.text.contains("this week"), "\(soon)")
        bench.sandbox?.stop()
        let past = try bench.certificate(from: "2010-01-01", days: 10)
        try bench.startCloud(certificate: past)
        #expect(bench.finding("certificate-expiry").verdict == .failed)
        bench.sandbox?.stop()
        let future = try bench.certificate(from: "2040-01-01", days: 10)
        try bench.startCloud(certificate: future)
        #expect(bench.finding("certificate-expiry").verdict == .failed)
        #expect(bench.finding("clock").text.contains("before the certificate of the cloud begins"))
        bench.sandbox?.stop()
        try bench.configure("cloud: http://127.0.0.1:1", "client_cert: \(past.path)", "client_key: \(past.keyPath)")
        #expect(bench.finding("certificate-expiry").text.contains("has expired at 2010-01-11"))
        try bench.configure("cloud: http://127.0.0.1:1", "client_cert: \(long.path)", "client_key: \(long.keyPath)")
        #expect(bench.finding("certificate-expiry").verdict == .ok)
    }

    @Test(
        "the alarm comes 30, 7 and 1 days before the end",
        arguments: [
            (40, DoctorFinding.Verdict.ok), (30, .warning), (8, .warning), (7, .warning), (2, .warning), (1, .failed),
            (0, .failed), (-1, .failed),
        ])
    func alarm(days: Int, verdict: DoctorFinding.Verdict) throws {
        let now = WallTime(milliseconds: 1_800_000_000_000)
        let pem = try bench.certificate().pem
        var facts = try #require(CertificateFacts.inPEM(pem.utf8).first ?? nil)
        #expect(WallTime(milliseconds: facts.notBefore * 1000).description.hasPrefix("2020-01-01T00:00:0"))
        facts.notAfter = 1_800_000_000 + Int64(days) * 86_400 + (days < 0 ? -3600 : 3600)
        #expect(DoctorCheck.expiry(of: "it", facts, now, "").verdict == verdict)
    }

    @Test("token: accepted passes; refused, damaged and none are told apart")
    func token() throws {
        let sandbox = try bench.startCloud()
        #expect(bench.finding("token").verdict == .warning)
        try bench.activate()
        #expect(bench.finding("token") == .ok("the cloud accepts it"))
        try sandbox.deleteDevice(bench.identity)
        #expect(bench.finding("token").text == "the cloud refuses it (401)")
        let path = bench.folders.tokenFile
        for file in [path, path + ".sha256", path + ".previous"] { try? FileManager.default.removeItem(atPath: file) }
        try bench.gateway.write("torn", to: path)
        #expect(bench.finding("token").verdict == .failed)
        // The doctor has activated nothing and asked for no more than it says.
        #expect(try sandbox.requestLog().count { $0.path.contains("activate") } == 1)
    }

    @Test("permissions: a token that everybody may read fails, and the next pass closes it")
    func permissions() throws {
        #expect(bench.finding("permissions").verdict == .ok)
        let token = try #require(DeviceToken(String(repeating: "a", count: 40)))
        try TokenStore(path: bench.folders.tokenFile).save(token)
        #expect(bench.finding("permissions").verdict == .ok)
        for mode in [0o644, 0o640 | 0o004] {
            try bench.gateway.write(token.secret + "\n", to: bench.folders.tokenFile, mode: mode)
            #expect(bench.finding("permissions").hint?.hasPrefix("chmod o= ") == true)
            _ = try TokenStore(path: bench.folders.tokenFile).load(repairing: false)
            #expect(bench.finding("permissions").verdict == .failed)
            _ = try TokenStore(path: bench.folders.tokenFile).load()
            #expect(try bench.gateway.mode(bench.folders.tokenFile) == mode & 0o770)
            #expect(bench.finding("permissions").verdict == .ok)
        }
        try bench.gateway.write("cik = x\n", to: bench.folders.exportedGatewayConfigFile)
        #expect(bench.finding("permissions").text.contains("Gateway.cfg"))
    }

    @Test("journal: a whole one passes; damaged, of another program and of a newer gwe fail")
    func journal() throws {
        #expect(bench.finding("journal").verdict == .ok)
        let path = bench.folders.journalFile
        do {
            let journal = try Journal.open(folders: bench.folders, clock: WallTime.now)
            for index in 0..<400 { try journal.setValue("k\(index)", String(repeating: "v", count: 200)) }
        }
        #expect(bench.finding("journal") == .ok("whole, 0 apps"))
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        var bad = good
        let middle = bad.count / 2
        for index in middle..<min(middle + 8192, bad.count) { bad[index] = UInt8(truncatingIfNeeded: index &* 31) }
        try bad.write(to: URL(fileURLWithPath: path))
        let damaged = bench.finding("journal")
        #expect(damaged.verdict == .failed && damaged.hint?.contains("rebuilds it") == true, "\(damaged)")
        try Data("this is no database, but it is long enough to be one. ".utf8).write(to: URL(fileURLWithPath: path))
        #expect(bench.finding("journal").verdict == .failed)
        try good.write(to: URL(fileURLWithPath: path))
        try Database(path: path).setUserVersion(JournalSchema.version + 1)
        #expect(bench.finding("journal").text.contains("newer gwe"))
    }

    @Test("queue: none, empty and full are told apart")
    func queue() throws {
        #expect(bench.finding("queue") == .ok("no queue"))
        let file = bench.folders.queueFolder + "/1.q"
        try bench.gateway.write("", to: file)
        #expect(bench.finding("queue") == .ok("empty"))
        try bench.gateway.write(String(repeating: "x", count: 4096), to: file)
        #expect(bench.finding("queue") == .ok("4 KiB in 1 files"))
        truncate(file, 65 << 20)
        #expect(bench.finding("queue").verdict == .warning)
    }

    @Test("signature-policy: required without a file that names keys fails")
    func signatures() throws {
        #expect(bench.finding("signature-policy").verdict == .ok)
        try bench.gateway.write(
            "schema: gwe/v1\npolicy: {require_signature: true}\n", to: bench.folders.manifestFile)
        #expect(bench.finding("signature-policy").text.contains("are required and"))
        let signers = bench.folders.allowedSignersFile
        try bench.gateway.write("# nobody\n", to: signers)
        #expect(bench.finding("signature-policy").text.hasSuffix("names nobody"))
        try TestProcess.shell("ssh-keygen -q -t ed25519 -N '' -f '\(bench.root)/key'")
        let key = try bench.gateway.read(bench.root + "/key.pub")
        try bench.gateway.write("# ours\nops@example.org namespaces=\"gwe/*\" \(key)\n", to: signers)
        #expect(bench.finding("signature-policy") == .ok("1 key in \(signers)"))
        try bench.gateway.write("ops ssh-ed25519 AAAAB3NzaC1yc2E\n", to: signers)
        #expect(bench.finding("signature-policy").text.contains(":1: no key"))
    }

    @Test("daemon: none is a warning; a socket where everybody may write fails")
    func daemon() throws {
        #expect(bench.finding("daemon").verdict == .warning)
        try bench.gateway.write("", to: bench.folders.runFolder + "/x")
        chmod(bench.folders.runFolder, 0o777)
        #expect(bench.finding("daemon").verdict == .failed)
    }

    @Test("a check that hangs is given up, and the others are made")
    func hangs() throws {
        var check = DoctorCheck(id: "hang", subject: "") { _ in
            sleep(20)
            return .ok("woke")
        }
        check.limit = .milliseconds(50)
        let report = Doctor.examine(bench.scene, [check, .queue])
        #expect(report.rows.map(\.finding.verdict) == [.failed, .ok])
        #expect(report.rows[0].finding.text == "no end after 50 ms")
    }
}
