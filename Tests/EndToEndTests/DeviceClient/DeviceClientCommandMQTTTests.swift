import Foundation
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `gdc mqtt` as shell scripts use it, with the sandbox as the cloud.
@Suite("gdc mqtt") struct DeviceClientCommandMQTTTests {
    let gateway: GatewayFixture
    let gdc: String
    let fixture: SandboxFixture
    var sandbox: SandboxServer { fixture.server }
    let device = "dev-1"

    init() throws {
        gateway = try GatewayFixture()
        gdc = gateway.root + "/gdc"
        try #require(symlink("\(Repository.products)/gwe", gdc) == 0)
        fixture = try SandboxFixture(id: device, hasMQTT: true)
    }

    private func address() throws -> String { "mqtt://127.0.0.1:\(try #require(sandbox.mqttPort))/" }

    private func run(_ arguments: [String]) throws -> Ran {
        try TestProcess(
            gdc, arguments, environment: gateway.variables, scratch: gateway.root + "/scratch"
        ).wait()
    }

    private func shell(_ line: String) throws -> Ran {
        var variables = gateway.variables
        variables["PATH"] = gateway.root + ":" + (variables["PATH"] ?? "")
        return try TestProcess(
            "/bin/sh", ["-c", "cd \"$0\" && \(line)", gateway.root], environment: variables,
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    @Test("activate, publish, batch, subscribe and pubsub, and how they end")
    func calls() throws {
        let ini = gateway.root + "/app.ini"
        try gateway.write("[device]\nmurano_host = \(address())\nmurano_id = \(device)\n", to: ini)
        let own = ["-f", ini, "mqtt"]
        #expect(try run(own + ["publish", "a", "1"]).code == 77)
        let activated = try run(own + ["activate"])
        let token = try #require(try sandbox.token(of: device))
        #expect(activated.code == 0 && activated.out.contains("murano_token = \(token)"), "\(activated)")
        let again = try run(own + ["activate"])
        #expect(again.code == 1 && again.out.isEmpty && again.err.contains("given its token out once"), "\(again)")
        #expect(try run(own + ["publish", "a", "21.5"]).code == 0)
        #expect(try sandbox.read(device, "a")?.reported == "21.5")
        #expect(try run(own + ["publish", "$resource/b", "x", "-Q", "0"]).code == 0)
        let batch = #"[{"timestamp": 1000, "values": {"r": "5"}}]"#
        #expect(try run(own + ["publish", "$resource.batch", batch]).out.isEmpty)
        #expect(try sandbox.records(device, "r").map(\.value) == ["5"])
        let lines = try shell("printf '1\\n2\\n3' | gdc -f app.ini mqtt publish c -")
        #expect(lines.code == 0 && lines.err.isEmpty, "\(lines)")
        #expect(try sandbox.read(device, "c")?.reported == "3")
        try sandbox.write(device, "setpoint", "30")
        let heard = try run(own + ["subscribe", "--disconnect-after", "2", "--mqtt-keepalive", "20.0"])
        #expect(heard.code == 0 && heard.err.isEmpty, "\(heard)")
        #expect(heard.out.hasPrefix("setpoint.") && heard.out.hasSuffix("=30\n"), "\(heard)")
        let both = try shell("echo 30 | gdc -f app.ini mqtt pubsub setpoint --disconnect-after 2")
        #expect(both.code == 0 && both.out.hasSuffix("=30\n"), "\(both)")
        #expect(try sandbox.read(device, "setpoint")?.reported == "30")
    }

    @Test("a wrong token: 77; nobody listens: 69; a wrong line: 64, before anything is sent")
    func failures() throws {
        let url = try address()
        let wrong = ["-u", device, "-k", String(repeating: "f", count: 40), "-H", url, "mqtt", "publish", "a", "1"]
        let refused = try run(wrong)
        #expect(refused.code == 77 && !refused.err.contains("ffff"), "\(refused)")
        sandbox.stop()
        #expect(try run(wrong).code == 69)
        let rows = [
            ["mqtt"], ["mqtt", "publish", "a"], ["mqtt", "subscribe", "a"], ["mqtt", "publish", "a", "1", "-Q", "2"],
            ["mqtt", "subscribe", "--disconnect-after", "x"], ["mqtt", "subscribe", "--mqtt-keepalive", "1"],
        ]
        for row in rows {
            let ran = try run(["-u", device, "-H", url] + row)
            #expect(ran.code == 64 && ran.out.isEmpty, "\(ran)")
        }
        #expect(try run(["-H", url, "mqtt", "subscribe"]).code == 64)
        #expect(try run(["mqtt", "-h"]).out.contains("pubsub <topic>"))
    }

    @Test("without a libmosquitto that can be loaded: 69 in words, and gdc http is as ever")
    func withoutLibrary() throws {
        // Found before Debian's, and none.
        let folder = gateway.root + "/libraries"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try gateway.write("no library", to: folder + "/libmosquitto.so.1")
        gateway.environment["LD_LIBRARY_PATH"] = folder
        let ran = try run(["-u", device, "-H", address(), "mqtt", "subscribe", "--disconnect-after", "0"])
        #expect(ran.code == 69 && ran.out.isEmpty, "\(ran)")
        #expect(ran.err.hasPrefix("gdc: cannot load libmosquitto: "), "\(ran)")
        #expect(ran.err.hasSuffix("; 'gdc http' does the same over HTTPS\n"), "\(ran)")
        #expect(try sandbox.requestLog().isEmpty)
        #expect(try run(["-H", sandbox.url, "http", "timestamp"]).code == 0)
    }
}
