import Foundation
import TestSupport
import Testing

@testable import MuranoSandbox

/// The stand-in with clients that others have written: Debian's mosquitto_pub, mosquitto_sub and mosquitto_rr, and
/// paho-mqtt.
@Suite("Sandbox MQTT with public clients") struct MQTTPeerTests {
    let fixture: SandboxFixture
    init() throws { fixture = try .withCertificates() }

    static let script = Repository.root + "/Tests/Peers/mqtt_device.py"

    enum Door: String, CaseIterable, Sendable { case plain, tls, certificate }

    private func port(_ door: Door) throws -> String {
        String(try #require(door == .plain ? fixture.server.mqttPort : fixture.server.mqttsPort))
    }

    private func mosquitto(_ door: Door, token: String?, certificate: String = "device") throws -> [String] {
        var arguments = ["-V", "mqttv311", "-h", "127.0.0.1", "-p", try port(door)]
        if door != .plain { arguments += ["--cafile", fixture.folder("root.pem")] }
        if door == .certificate {
            arguments += [
                "--cert", fixture.folder("\(certificate).pem"), "--key", fixture.folder("\(certificate).key"),
            ]
        } else if let token {
            arguments += ["-u", "", "-P", token]
        }
        return arguments
    }

    @Test("mosquitto provisions, publishes and hears what was set", arguments: Door.allCases)
    func mosquitto(door: Door) throws {
        var token: String?
        if door != .certificate {
            let provision = try TestProcess.run(
                "mosquitto_rr",
                try mosquitto(door, token: nil) + [
                    "-q", "1", "-n", "-W", "30", "-t", "$provision/\(SandboxFixture.id)", "-e",
                    "$provision/\(SandboxFixture.id)",
                ])
            #expect(provision.code == 0, "\(provision)")
            let expected = try #require(try fixture.server.token(of: SandboxFixture.id))
            #expect(provision.out == expected + "\n")
            token = expected
        }
        // libmosquitto makes a client id up when it has none.
        let login = try mosquitto(door, token: token) + ["-i", SandboxFixture.id]
        let published = try TestProcess.run("mosquitto_pub", login + ["-q", "1", "-t", "$resource/a", "-m", "one two"])
        #expect(published.code == 0, "\(published)")
        #expect(try fixture.server.read(SandboxFixture.id, "a")?.reported == "one two")
        try fixture.server.write(SandboxFixture.id, "b", "wish")
        let heard = try TestProcess.run(
            "mosquitto_sub", login + ["-q", "1", "-t", "$resource/#", "-C", "1", "-W", "30", "-F", "%t %p"])
        #expect(heard.code == 0, "\(heard)")
        let time = try #require(try fixture.server.read(SandboxFixture.id, "b")?.timestamp)
        #expect(heard.out == "$resource/b/\(time) wish\n")
    }

    @Test("mosquitto hears why it may not connect")
    func refusals() throws {
        func publish(_ arguments: [String]) throws -> Ran {
            try TestProcess.run("mosquitto_pub", arguments + ["-q", "1", "-t", "$resource/a", "-m", "x"])
        }
        let wrong = try publish(try mosquitto(.tls, token: "wrong") + ["-i", SandboxFixture.id])
        #expect(wrong.code == 4, "\(wrong)")
        #expect(try publish(try mosquitto(.tls, token: try fixture.activate()) + ["-i", "other"]).code == 2)
        let stranger = try mosquitto(.certificate, token: nil, certificate: "stranger")
        #expect(try publish(stranger + ["-i", "stranger"]).code == 5)
        for certificate in ["expired", "impostor", "misused"] {
            let login = try mosquitto(.certificate, token: nil, certificate: certificate)
            #expect(try publish(login + ["-i", SandboxFixture.id]).code != 0, "\(certificate)")
        }
        #expect(try fixture.server.resources(of: SandboxFixture.id).isEmpty)
        #expect(try fixture.server.requestLog().contains { $0.path == "the TLS handshake failed" })
    }

    @Test(
        "paho provisions, sends a batch, and echoes what was set before and while it was connected",
        arguments: Door.allCases)
    func paho(door: Door) throws {
        let port = try port(door)
        let trust = door == .plain ? [] : ["--ca", fixture.folder("root.pem")]
        var login = trust
        if door == .certificate {
            login += ["--cert", fixture.folder("device.pem"), "--key", fixture.folder("device.key")]
        } else {
            let provisioned = try TestProcess.run(
                "/usr/bin/python3", [Self.script, "provision", port, SandboxFixture.id] + trust)
            #expect(provisioned.code == 0, "\(provisioned)")
            let token = try #require(try fixture.server.token(of: SandboxFixture.id))
            #expect(provisioned.out == token + "\n")
            login += ["--token", token]
        }
        try fixture.server.write(SandboxFixture.id, "before", "1")
        let server = fixture.server
        let operate = Thread {
            _ = eventually { (try? server.read(SandboxFixture.id, "ready"))?.reported == "yes" }
            try? server.write(SandboxFixture.id, "while", "2")
        }
        operate.start()
        let ran = try TestProcess.run("/usr/bin/python3", [Self.script, "run", port, SandboxFixture.id, "2"] + login)
        #expect(ran.code == 0, "\(ran)")
        let lines = ran.out.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.contains("\"topic\": \"$resource/before/") == true)
        #expect(lines.last?.contains("\"value\": \"2\"") == true)
        for (name, value) in [("before", "1"), ("while", "2")] {
            #expect(try server.read(SandboxFixture.id, name)?.reported == value)
        }
        #expect(
            try server.records(SandboxFixture.id, "history").map(\.timestamp)
                == [1_511_380_800_000_000, 1_511_380_802_000_000])
    }
}
