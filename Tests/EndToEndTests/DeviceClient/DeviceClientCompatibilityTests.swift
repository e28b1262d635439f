import Foundation
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `gdc` where scripts that were written for device-client and murano-client read it.
@Suite("gdc as its predecessors") struct DeviceClientCompatibilityTests {
    let gateway: GatewayFixture
    let gdc: String

    init() throws {
        gateway = try GatewayFixture(hasCloud: false)
        gdc = gateway.root + "/gdc"
        try #require(symlink("\(Repository.products)/gwe", gdc) == 0)
    }

    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Ran {
        try TestProcess(
            gdc, arguments, environment: gateway.variables.merging(environment) { $1 },
            scratch: gateway.root + "/scratch"
        ).wait()
    }

    private func configure(_ lines: String) throws {
        try gateway.write("schema: gwe/v1\n" + lines, to: gateway.configFolder + "/gateway.yaml")
    }

    @Test("'gdc write CIK ALIAS VALUE' goes gateway.yaml's way: its roots of trust, its client certificate, its proxy")
    func oldWrite() throws {
        let secure = try SandboxFixture(hasTLS: true)
        let root = try #require(secure.root)
        let device = "02:42:AC:11:00:09"
        try secure.server.addDevice(device)
        let activated = try run(["-H", secure.server.url, "-E", root.path, "-u", device, "http", "activate"])
        let token = try #require(try secure.server.token(of: device), "\(activated)")

        try configure("product: \(SandboxFixture.product)\ncloud: \(secure.server.url)\n")
        let strange = try run(["write", token, "t", "1"])
        #expect(strange.code == 69 && strange.out.hasPrefix("Response code: 0"), "\(strange)")
        // The name of a protocol keeps its capitals.
        #expect(strange.err.contains("SSL") && !strange.err.contains("sSL"), "\(strange)")

        try configure(
            "product: \(SandboxFixture.product)\ncloud: \(secure.server.url)\nca_file: \(root.path)\n")
        let trusted = try run(["write", token, "t", "21.5"])
        #expect(trusted.code == 0 && trusted.out.hasPrefix("Response code: 204"), "\(trusted)")
        #expect(try secure.server.read(device, "t")?.reported == "21.5")

        // A proxy that is not there was asked; loopback would be reached without one.
        try configure(
            "product: \(SandboxFixture.product)\ncloud: https://cloud.invalid\nca_file: \(root.path)\n"
                + "proxy: http://127.0.0.1:1\n")
        let proxied = try run(["write", token, "t", "22"])
        #expect(proxied.code == 69 && proxied.err.contains("127.0.0.1"), "\(proxied)")
        // Another cloud is another way.
        let own = try run(["-H", secure.server.url, "-E", root.path, "write", token, "t", "23"])
        #expect(own.code == 0, "\(own)")

        try configure("prodcut: x\n")
        let broken = try run(["write", token, "t", "24"])
        #expect(broken.code == 78 && broken.out.isEmpty, "\(broken)")
    }

    @Test("without a token nothing is sent")
    func noToken() throws {
        try configure("product: \(GatewayFixture.product)\ncloud: \(gateway.sandbox.url)\n")
        let ran = try run(["write", "-", "t", "1"])
        #expect(ran.code == 64 && ran.out.isEmpty && ran.err.contains("GDC_TOKEN"), "\(ran)")
        #expect(try gateway.sandbox.requestLog().isEmpty)
    }

    @Test("values that are read and polled come without percent-encoding, and the time as a bare number")
    func values() throws {
        let own = ["-H", gateway.sandbox.url, "-u", gateway.id]
        let token = try run(own + ["http", "activate"]).out.filter { !$0.isWhitespace }
        let asDevice = own + ["-k", token]
        #expect(try run(asDevice + ["http", "write", "a", "x y&=%+ü"]).code == 0)
        let read = try run(asDevice + ["http", "read", "a"])
        #expect(read.out == "[200] a=x y&=%+ü\n", "\(read)")
        let polled = try run(asDevice + ["http", "poll", "a", "5000", "1"])
        #expect(polled.out == "[200] a=x y&=%+ü\n", "\(polled)")
        let clock = try run(own + ["http", "timestamp"])
        #expect(Int64(clock.out.dropLast()) != nil && clock.out.hasSuffix("\n"), "\(clock)")
    }

    @Test("over MQTT a token alone says who it is, and what comes reads alias.time=value")
    func mqtt() throws {
        let cloud = try SandboxFixture(id: "dev-1", hasMQTT: true)
        let address = "mqtt://127.0.0.1:\(try #require(cloud.server.mqttPort))"
        let activated = try run(["-H", address, "-u", "dev-1", "mqtt", "activate"])
        let token = activated.out.filter { !$0.isWhitespace }
        #expect(activated.code == 0 && token.count == 40, "\(activated)")
        let nameless = ["-H", address, "-k", token, "mqtt"]
        let published = try run(nameless + ["publish", "a", "21.5"])
        #expect(published.code == 0, "\(published)")
        #expect(try cloud.server.read("dev-1", "a")?.reported == "21.5")
        try cloud.server.write("dev-1", "setpoint", "30")
        let heard = try run(nameless + ["subscribe", "--disconnect-after", "2"])
        #expect(heard.code == 0, "\(heard)")
        let line = heard.out.split(separator: "\n").first ?? ""
        #expect(line.hasPrefix("setpoint.") && line.hasSuffix("=30"), "\(heard)")
        #expect(Int64(line.dropFirst("setpoint.".count).dropLast("=30".count)) != nil, "\(heard)")
        let unknown = try run(["-H", address, "mqtt", "subscribe"])
        #expect(unknown.code == 64 && unknown.err.contains("who is it?"), "\(unknown)")
    }

    @Test(
        "a command that misses a word, and one that is misspelt, say what was meant",
        arguments: [
            (["http", "write", "x"], "expected 'gdc http write <alias> <data|->', found 1 word after 'write'"),
            (["http", "reed", "x"], "'gdc http reed' is no command, did you mean 'read'?"),
            (["http"], "expected a command after 'gdc http'"),
            (["http", "content", "get", "x"], "expected 'gdc http content list' or 'gdc http content info <id>'"),
            (["mqtt", "publish", "x"], "expected 'gdc mqtt publish <topic> <value|->'"),
            (["mqtt", "listen"], "'gdc mqtt listen' is no command"),
        ])
    func words(arguments: [String], message: String) throws {
        let ran = try run(["-H", gateway.sandbox.url] + arguments)
        #expect(ran.code == 64 && ran.err.contains(message), "\(ran)")
    }
}
