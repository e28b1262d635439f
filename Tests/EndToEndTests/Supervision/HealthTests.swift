import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `health` in the manifest and in app.yaml, with the real daemon and a real small server that can be told to fail.
@Suite("Health") struct HealthTests {
    /// Python's http.server: answers `/ok`; 503 while `fail` is in the data folder, nothing while `hang` is; listens only
    /// when `late` is not there any more.
    private static let server = """
        #!/usr/bin/env python3
        import http.server, os, sys, time
        here = os.environ["GWE_DATA_DIR"] + "/"
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                while os.path.exists(here + "hang"): time.sleep(0.05)
                self.send_response(503 if os.path.exists(here + "fail") else 200)
                self.end_headers()
                self.wfile.write(b"hello")
            def log_message(self, *words): pass
        while os.path.exists(here + "late"): time.sleep(0.05)
        http.server.ThreadingHTTPServer.allow_reuse_address = True
        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

        """

    private struct Web {
        let gateway: GatewayFixture
        private let reserved: ReservedPort
        var port: UInt16 { reserved.number }

        /// - Parameter appYAML: the text of the package's app.yaml.
        init(appYAML: String? = nil, hasCloud: Bool = false) throws {
            gateway = try GatewayFixture(hasCloud: hasCloud)
            reserved = try ReservedPort()
            var files: [String: TestPackage.File] = [
                "supervisor.conf": .init(
                    "[supervisord]\ncommand=bin/server \(reserved.number)\nautorestart=true\nstartsecs=0\n"),
                "bin/server": .init(HealthTests.server, mode: 0o755),
            ]
            if let appYAML { files["app.yaml"] = .init(appYAML) }
            let package = TestPackage("web", "1", files: files)
            let bytes = try package.bytes(scratch: gateway.root + "/scratch")
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        }

        private var path: String { "\(gateway.root)/web.v1.tar.gz" }
        private var data: String { gateway.stateFolder + "/data/web" }

        func manifest(health: String?, service: String? = nil) throws {
            let check = (health.map { ", health: \($0)" } ?? "") + (service.map { ", service: \($0)" } ?? "")
            try gateway.manifest(
                "schema: gwe/v1\napps:\n  web: {version: \"1\", artifact: {path: \(path)}\(check)}\n")
        }

        func http(_ more: String = "within: 30s, every: 250ms, failures: 2") -> String {
            "{http: \"http://127.0.0.1:\(port)/ok\", \(more)}"
        }

        func set(_ flag: String) throws {
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            try gateway.write("", to: "\(data)/\(flag)")
        }
        func clear(_ flag: String) { unlink("\(data)/\(flag)") }

        func row(_ key: String) throws -> JSONValue? { try gateway.row("web")[key] }
    }

    @Test("an app whose check fails is degraded, restarted, and healthy again; a daemon that checks loads no libcurl")
    func degraded() throws {
        let web = try Web()
        try web.manifest(health: web.http())
        try web.gateway.withDaemon { (daemon) throws in
            let pass = try web.gateway.gwe("reconcile")
            #expect(pass.code == 0, "\(pass)")
            #expect(try web.row("health")?.string == "healthy")
            #expect(try web.gateway.gwe("status").code == 0)
            let first = try #require(try web.gateway.pid(of: "web"))
            try web.set("fail")
            try web.gateway.eventually("it is restarted") { try (web.row("restarts")?.int ?? 0) >= 1 }
            try web.gateway.eventually("it is degraded") { try web.row("health")?.string == "degraded" }
            #expect(try web.gateway.pid(of: "web") != first)
            let reason = "health check http://127.0.0.1:\(web.port)/ok failed 2 times: answered 503"
            #expect(try web.row("health_reason")?.string == reason)
            #expect(try web.row("last_error")?.string == reason)
            #expect(try web.row("state")?.string == "RUNNING")
            let status = try web.gateway.gwe("status", "web")
            #expect(status.code == 1 && status.out.contains("degraded") && status.out.contains(reason), "\(status)")
            #expect(daemon.err.contains("web: \(reason)") || daemon.out.contains("web: \(reason)"))
            web.clear("fail")
            try web.gateway.eventually("it is healthy") { try web.row("health")?.string == "healthy" }
            #expect(try web.gateway.gwe("status").code == 0)
            let maps = try String(contentsOfFile: "/proc/\(daemon.pid)/maps", encoding: .utf8)
            #expect((maps.contains("/gwe") || Sanitizer.isOn) && !maps.contains("libcurl"))
        }
    }

    @Test("a slow start within its time is waited for; a server that hangs is restarted and told by its timeout")
    func slowAndHanging() throws {
        let web = try Web()
        try web.set("late")
        try web.manifest(health: web.http())
        try web.gateway.withDaemon { (daemon) throws in
            try web.gateway.eventually("it starts") { try web.row("health")?.string == "starting" }
            #expect(try web.gateway.gwe("status").code == 1)
            web.clear("late")
            let pass = try web.gateway.gwe("reconcile")
            #expect(pass.code == 0, "\(pass)")
            #expect(try web.row("health")?.string == "healthy")
            #expect(try web.row("restarts")?.int == 0)
            try web.set("hang")
            try web.gateway.eventually("it is restarted") { try (web.row("restarts")?.int ?? 0) >= 1 }
            #expect(try web.row("last_error")?.string?.hasSuffix("failed 2 times: no answer in time") == true)
            web.clear("hang")
        }
    }

    @Test("an app that does not become healthy within its time fails the pass, and the cloud reads that it is degraded")
    func never() throws {
        let web = try Web(hasCloud: true)
        try web.set("fail")
        // It is not restarted, and so RUNNING and unhealthy whenever the report is made.
        try web.manifest(health: web.http("within: 1s, every: 250ms, failures: 2"), service: "{restart: never}")
        try web.gateway.withDaemon { (daemon) throws in
            let word = "did not pass within 1 s: answered 503"
            try web.gateway.eventually("the pass has failed") {
                try web.gateway.gwe("status", "web").out.contains(word)
                    && (daemon.err + daemon.out).contains(word)
            }
            #expect(try web.row("health")?.string == "degraded")
            #expect(try web.gateway.gwe("status").code != 0)
            try web.gateway.eventually("the cloud reads it") {
                let report = try web.gateway.sandbox.read(web.gateway.id, "engine_report")?.reported ?? "{}"
                let apps = try JSON.parse(Array(report.utf8), source: "engine_report").json["apps"]?.elements ?? []
                return apps.contains { $0["web"]?["health"]?.string == "degraded" }
            }
        }
    }

    @Test("the manifest's check wins over app.yaml's, and another check is taken over without touching the app")
    func changed() throws {
        let web = try Web(appYAML: "health: {command: \"false\", every: 250ms, failures: 1000}\n")
        try web.manifest(health: web.http())
        try web.gateway.withDaemon { (daemon) throws in
            #expect(try web.gateway.gwe("reconcile").code == 0)
            #expect(try web.row("health")?.string == "healthy")
            let pid = try web.gateway.pid(of: "web")
            #expect(try web.gateway.gwe("hold", "web").code == 0)
            try web.manifest(health: "{tcp: \"127.0.0.1:\(web.port)\", every: 250ms}")
            let held = try web.gateway.dryRun()
            #expect(held.out.contains("held: would repair: the health check differs"), "\(held)")
            #expect(try web.gateway.gwe("unhold", "web").code == 0)
            #expect(try web.gateway.gwe("reconcile").code == 0)
            let file = try #require(web.gateway.read(web.gateway.stateFolder + "/services/web.json"))
            #expect(file.contains("\"tcp\""), "\(file)")
            try web.gateway.eventually("it is healthy") { try web.row("health")?.string == "healthy" }
            // Without one in the manifest app.yaml's is in force, which never passes.
            try web.manifest(health: nil)
            try web.gateway.eventually("it waits for the other check") { try web.row("health")?.string == "starting" }
            #expect(try web.gateway.pid(of: "web") == pid)
            #expect(try web.row("restarts")?.int == 0)
        }
    }
}
