import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// The cloud's resources, with the sandbox as the cloud.
@Suite("The cloud") struct CloudTests {
    /// A resource that holds a JSON text.
    private func report(_ name: String, of gateway: GatewayFixture) throws -> JSONValue {
        let text = try #require(try gateway.resource(name), "\(name) was never written")
        return try JSON.parse(Array(text.utf8), source: name).json
    }

    /// The requests that a piece causes.
    private func requests(_ gateway: GatewayFixture, _ body: () throws -> Void) throws -> [SandboxRequest] {
        let last = try gateway.sandbox.requestLog().last?.id ?? 0
        try body()
        return try gateway.sandbox.requestLog(after: last)
    }

    private func pass(_ gateway: GatewayFixture) throws { #expect(try gateway.gwe("reconcile").code == 0) }

    @Test("an install list is taken, cleared by a write of its own, and told in fetch_status")
    func installList() throws {
        let gateway = try GatewayFixture()
        let tool = TestPackage.oneOff(
            "tool", "1.2", extra: ["install.sh": .script("echo to stdout; echo to stderr >&2")])
        let lib = TestPackage.oneOff("my-lib", "v8d09124")
        try gateway.upload(tool)
        try gateway.upload(lib)
        let bytes = try lib.bytes(scratch: gateway.root + "/scratch")
        let sha256 = SHA256.hex(of: bytes)
        try gateway.command(
            """
            {"install":[{"name":"tool.v1.2.tar.gz"},
                        {"name":"my-lib.vv8d09124.tar.gz","sha256":"\(sha256)","size":\(bytes.count)}]}
            """)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(try gateway.resource("engine_fetch") == "")
        let row = try gateway.row("tool")
        #expect(row["sync"]?.string == "synced")
        #expect(row["source"]?.string == "cloud")
        #expect(try gateway.row("my-lib")["digest"]?.string == sha256)

        let status = try report("fetch_status", of: gateway)
        #expect(Set(status.members?.map(\.0) ?? []) == ["tool.v1.2.tar.gz", "my-lib.vv8d09124.tar.gz"])
        let state = try #require(status["tool.v1.2.tar.gz"])
        #expect(
            state.members?.map(\.0)
                == ["info", "state", "version", "name", "content_available", "size", "install_path", "output"])
        #expect(state["state"]?.string == "install_success")
        #expect(state["name"]?.string == "tool")
        #expect(state["version"]?.string == "1.2")
        #expect(state["content_available"]?.bool == true)
        #expect(state["output"]?.string == "to stdout\nto stderr\n")
    }

    @Test("engine_report has the shape that Gateway Engine's dashboards walk, and ours are extra keys")
    func engineReport() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.quickService("web", "3"))
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.command(#"{"install":[{"name":"web.v3.tar.gz"},{"name":"tool.v1.tar.gz"}]}"#)
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            let report = try report("engine_report", of: gateway)
            // What files/GWE.js of the seed dashboard does: data.apps[i][key].exitstatus/.status/.uptime/.version.
            var found: [String: JSONValue] = [:]
            for element in try #require(report["apps"]?.elements) {
                #expect(element.members?.count == 1)
                for (key, value) in element.members ?? [] { found[key] = value }
            }
            #expect(found.keys.sorted() == ["tool", "web"])
            let web = try #require(found["web"])
            #expect(web["exitstatus"]?.int == 0)
            #expect(web["status"]?.string == "RUNNING")
            #expect(web["uptime"]?.string?.contains(":") == true)
            #expect(web["version"]?.string == "3")
            #expect(web["desired"]?.string == "3")
            #expect(web["sync"]?.string == "synced")
            #expect(web["health"]?.string == "healthy")
            #expect(web["digest"]?.string?.count == 64)
            #expect(found["tool"]?["status"]?.string == "EXITED")
            #expect(report.members?.map(\.0) == ["apps", "generation", "drift", "agent"])
            #expect(report["drift"]?.int == 0)
            #expect(report["agent"]?.string?.hasPrefix("GatewayEngine-v") == true)
        }
    }

    @Test("device_info has Gateway Engine's keys, and its texts are tables")
    func deviceInfo() throws {
        let gateway = try GatewayFixture()
        #expect(try gateway.gwe("reconcile").code == 0)
        let info = try report("device_info", of: gateway)
        #expect(info["df"]?.string?.contains("1K-blocks") == true)
        #expect(info["free"]?.string?.contains("Mem:") == true)
        #expect(info["uname"]?.string?.hasPrefix("Linux ") == true)
        #expect(info["date"]?.string?.contains("UTC") == true)
        for (_, addresses) in try #require(info["ipaddrs"]?.members) { #expect(addresses.elements != nil) }
    }

    @Test(
        "a whole manifest replaces the layer, is not cleared, and its digest is acknowledged",
        arguments: [
            #"{"schema":"gwe/v1","apps":{"tool":{"version":"2"}}}"#,
            "schema: gwe/v1\napps:\n  tool:\n    version: \"2\"\n",
        ])
    func wholeManifest(text: String) throws {
        let gateway = try GatewayFixture()
        for version in ["1", "2"] { try gateway.upload(.oneOff("tool", version)) }
        try gateway.upload(.oneOff("other", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"},{"name":"other.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.command(text)
        let plan = try gateway.dryRun()
        #expect(plan.code == 2)
        #expect(plan.out.contains("~ tool 1 -> 2"), "\(plan)")
        #expect(plan.out.contains("- other 1"), "\(plan)")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.resource("engine_fetch") == text)
        #expect(try report("engine_report", of: gateway)["generation"]?.string == SHA256.hex(of: text.utf8))
        #expect(gateway.current("other") == nil)
        let idle = try requests(gateway) {
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0)
            #expect(pass.out.contains("In sync: 1 app matches"), "\(pass)")
        }
        #expect(idle.count == 1)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "1\n2\n")
    }

    @Test("a manifest that was replaced by a command and is written again is taken again")
    func manifestAgain() throws {
        let gateway = try GatewayFixture()
        for version in ["1", "2"] { try gateway.upload(.oneOff("tool", version)) }
        let manifest = "schema: gwe/v1\napps: {tool: {version: \"2\"}}\n"
        try gateway.command(manifest)
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.upload(.oneOff("other", "1"))
        try gateway.command(#"{"install":[{"name":"other.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(gateway.current("other") != nil)
        #expect(gateway.current("tool") != nil)
        try gateway.command(manifest)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(gateway.current("other") == nil)
    }

    @Test(
        "bad input changes nothing, is told once in each place, and is not cleared",
        arguments: [
            #"{"instal":[{"name":"tool.v1.tar.gz"}]}"#, #"{"install":[{"name":"tool.tar.gz"}]}"#, "{\"install\":[",
            "schema: gwe/v1\napps: {tool: {version: 1.10}}\n", "schema: gwe/v2\napps: {}\n", "just words",
            #"{"install":[{"name":"../../etc/passwd.v1.tar.gz"}]}"#,
        ])
    func badInput(text: String) throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        let before = gateway.current("tool")

        try gateway.command(text)
        let plan = try gateway.dryRun()
        #expect(plan.code == 65, "\(plan)")
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 65, "\(pass)")
        #expect(pass.err.contains("engine_fetch:"), "\(pass)")
        #expect(gateway.current("tool") == before)
        #expect(try gateway.resource("engine_fetch") == text)
        let state = try report("fetch_status", of: gateway)["engine_fetch"]
        #expect(state?["state"]?.string == "test_error")
        #expect(state?["info"]?.string?.hasPrefix("engine_fetch:") == true)
        let (code, status) = try gateway.status()
        #expect(code == 1)
        #expect(status["problems"]?.elements?.count == 1, "\(status.text())")
        #expect(status["apps"]?.elements?.first?["sync"]?.string == "synced")

        let silent = try requests(gateway) {
            let again = try gateway.gwe("reconcile")
            #expect(again.code == 65)
            #expect(again.err.isEmpty, "\(again)")
            #expect(again.out.contains("rejected: engine_fetch;"), "where the 65 comes from: \(again)")
        }
        #expect(silent.count == 1)

        try gateway.command("")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.status().code == 0)
        _ = try gateway.gwe("reconcile")
        #expect(try report("fetch_status", of: gateway)["engine_fetch"] == nil)
    }

    @Test("an error that is over is taken out of fetch_status by the pass that sees it")
    func staleError() throws {
        let gateway = try GatewayFixture()
        try gateway.command("just words")
        #expect(try gateway.gwe("reconcile").code == 65)
        #expect(try report("fetch_status", of: gateway)["engine_fetch"]?["state"]?.string == "test_error")
        try gateway.command("")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.resource("fetch_status") == "{}")
        #expect(try requests(gateway) { _ = try gateway.gwe("reconcile") }.count == 1, "and that is told once")
    }

    @Test("an app that failed after its installer, and is in force later, is no error any more")
    func staleInstallError() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.service("web", "1"))
        try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
        try gateway.write("in the way", to: gateway.stateFolder + "/services")
        #expect(try gateway.gwe("reconcile").code == 1)
        let state = { try self.report("fetch_status", of: gateway)["web.v1.tar.gz"]?["state"]?.string }
        #expect(try state() == "install_error")
        try #require(unlink(gateway.stateFolder + "/services") == 0)
        let second = try gateway.gwe("reconcile")
        #expect(second.code == 0, "\(second)")
        #expect(try state() == "install_success")
    }

    @Test("the same text written again is a new run")
    func again() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        for runs in ["1\n", "1\n1\n"] {
            try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == runs)
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == runs)
        }
    }

    @Test(
        "a power cut between journal and clear loses no command and runs none twice",
        arguments: [
            "command.before", "command.accepted", "clear.before", "clear.after",
        ])
    func cut(point: String) throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        let text = #"{"install":[{"name":"tool.v1.tar.gz"}]}"#
        try gateway.command(text)
        #expect(try gateway.gwe("reconcile", environment: ["GWE_FAULT": point]).signal == SIGKILL)
        #expect(try gateway.resource("engine_fetch") == (point == "clear.after" ? "" : text))
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.resource("engine_fetch") == "")
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "1\n")
    }

    @Test("a command that was written before the clear of another is neither wiped nor mixed up")
    func newer() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.upload(.oneOff("other", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile", environment: ["GWE_FAULT": "clear.before"]).signal == SIGKILL)
        try gateway.command(#"{"install":[{"name":"other.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.resource("engine_fetch") == "")
        #expect(gateway.current("tool") != nil)
        #expect(gateway.current("other") != nil)
    }

    @Test("remove drops the cloud's entry")
    func remove() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1", extra: ["uninstall.sh": .script("echo gone >\"$GWE_DATA_DIR/gone\"")]))
        try gateway.upload(.oneOff("other", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"},{"name":"other.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        try gateway.command(#"{"remove":["tool"]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(gateway.current("tool") == nil)
        #expect(gateway.current("other") != nil)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/gone") == "gone\n")
        let apps = try report("engine_report", of: gateway)["apps"]?.elements ?? []
        #expect(apps.map { $0.members?.first?.0 } == ["other"])
    }

    @Test("update_interval is taken, cleared and kept; a bad one is told and stays")
    func interval() throws {
        let gateway = try GatewayFixture()
        try gateway.sandbox.write(gateway.id, "update_interval", "600")
        try gateway.withDaemon { _ in
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.resource("update_interval") == "")
            let next = try gateway.status().document["next_poll"]?.string ?? ""
            #expect(next.hasPrefix("in 10m") || next.hasPrefix("in 9m 5"), "\(next)")
            try gateway.sandbox.write(gateway.id, "update_interval", "soon")
            #expect(try gateway.gwe("reconcile").code == 65)
            #expect(try gateway.resource("update_interval") == "soon")
            #expect(try report("fetch_status", of: gateway)["update_interval"]?["state"]?.string == "test_error")
            try gateway.sandbox.write(gateway.id, "update_interval", " 1200\n")
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.resource("update_interval") == "")
            #expect(try gateway.status().document["next_poll"]?.string?.contains("m") == true)
        }
        #expect(try gateway.status().document["problems"]?.elements?.isEmpty == true)
    }

    @Test("config_otau is carried out once and otau_in tells its end", arguments: ["FILE", "URL_LIST", "JSON"])
    func otau(type: String) throws {
        let gateway = try GatewayFixture()
        let package = TestPackage.oneOff("tool", "4")
        try gateway.upload(package)
        let file = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: file))
        let payload =
            switch type {
            case "FILE": "\"tool.v4.tar.gz\""
            case "URL_LIST": "[\"\(gateway.sandbox.url)/nowhere/tool.v4.tar.gz\"]"
            default: "{\"install\":[{\"name\":\"tool.v4.tar.gz\"}]}"
            }
        let text = "{\"version\":\"2026.11\",\"name\":\"tool\",\"type\":\"\(type)\",\"payload\":\(payload)}"
        try gateway.sandbox.write(gateway.id, "config_otau", text)
        #expect(try gateway.gwe("activate").code == 0)
        #expect(try gateway.dryRun().code == 2)
        let pass = try gateway.gwe("reconcile")
        let told = try report("otau_in", of: gateway)
        #expect(told["version"]?.string == "2026.11")
        if type == "URL_LIST" {
            #expect(pass.code != 0)
            #expect(told["status"]?.string == "DOWNLOAD_ERROR", "\(told.text())")
            #expect(told["message"]?.string?.hasPrefix("tool: ") == true)
            return
        }
        #expect(pass.code == 0, "\(pass)")
        #expect(told["status"]?.string == "INSTALL_SUCCESS", "\(told.text())")
        #expect(try gateway.resource("config_otau") == text)
        let idle = try requests(gateway) { try self.pass(gateway) }
        #expect(idle.count == 1)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "4\n")
    }

    @Test("otau_in tells of an installer that failed, and of a text that is none")
    func otauErrors() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1", extra: ["install.sh": .script("exit 3")]))
        try gateway.sandbox.write(
            gateway.id, "config_otau", #"{"version":"9","name":"tool","type":"FILE","payload":"tool.v1.tar.gz"}"#)
        #expect(try gateway.gwe("reconcile").code == 1)
        var told = try report("otau_in", of: gateway)
        #expect(told["status"]?.string == "INSTALL_ERROR", "\(told.text())")
        #expect(told["message"]?.string?.contains("exit code 3") == true, "\(told.text())")
        try gateway.sandbox.write(
            gateway.id, "config_otau", #"{"version":"10","name":"tool","type":"ZIP","payload":"x"}"#)
        #expect(try gateway.gwe("reconcile").code == 65)
        told = try report("otau_in", of: gateway)
        #expect(told["version"]?.string == "10")
        #expect(told["status"]?.string == "TEST_ERROR", "\(told.text())")
    }

    @Test("an idle loop is one request, and reports that did not change are not sent")
    func idle() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.quickService("web", "1"))
        try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        for _ in 0..<2 {
            let before = try gateway.sandbox.read(gateway.id, "engine_report")?.timestamp
            let log = try requests(gateway) { try self.pass(gateway) }
            #expect(log.count == 1, "\(log)")
            #expect(try gateway.sandbox.read(gateway.id, "engine_report")?.timestamp == before)
        }
        try gateway.withDaemon { _ in
            // The first passes tell that it runs now.
            #expect(try gateway.gwe("reconcile").code == 0)
            #expect(try gateway.gwe("reconcile").code == 0)
            for _ in 0..<3 {
                let before = try gateway.sandbox.read(gateway.id, "engine_report")?.timestamp
                let log = try requests(gateway) { try self.pass(gateway) }
                #expect(log.count == 1, "\(log)")
                #expect(try gateway.sandbox.read(gateway.id, "engine_report")?.timestamp == before)
            }
        }
    }

    @Test("without the cloud a pass works from the last layer and says so")
    func offline() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        #expect(try gateway.gwe("reconcile").code == 0)
        gateway.sandbox.stop()
        try #require(unlink(gateway.currentFolder(of: "tool") + "/share/version.txt") == 0)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.code == 0, "\(pass)")
        #expect(pass.err.contains("working from the last desired state that is known"), "\(pass)")
        #expect(try gateway.row("tool", "--deep")["sync"]?.string == "synced")
        #expect(gateway.read(gateway.currentFolder(of: "tool") + "/share/version.txt") == "tool 1\n")
        let dry = try gateway.dryRun()
        #expect(dry.code == 0, "\(dry)")
        // What must come from the cloud is the only thing that fails.
        try gateway.manifest("schema: gwe/v1\napps: {far: {version: \"1\"}}\n")
        let missing = try gateway.gwe("reconcile")
        #expect(missing.code == 69, "\(missing)")
        #expect(try gateway.row("tool")["sync"]?.string == "synced")
        #expect(try gateway.dryRun().code == 2)
    }
}
