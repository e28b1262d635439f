import Foundation
import TestSupport
import Testing

/// The executable itself, as an operator uses it.
@Suite("murano-sandbox") final class CommandLineTests {
    private let scratch = TemporaryFolder()
    private var folder: String { scratch.path }
    private let server: TestProcess
    private var url = ""
    private var mqtt = ""

    init() throws {
        let server = try TestProcess(
            "murano-sandbox",
            [
                "serve", "--data", scratch("deep/er"), "--listen", "127.0.0.1:0", "--product", "p", "--mqtt",
                "127.0.0.1:0",
            ])
        self.server = server
        try #require(eventually { server.out.filter(\.isNewline).count >= 2 }, "\(server.err)")
        let text = server.out
        let lines = text.split(separator: "\n")
        func last(_ line: Substring?) -> String { line?.split(separator: " ").last.map(String.init) ?? "" }
        (url, mqtt) = (last(lines.first), last(lines.last))
        #expect(text.hasPrefix("murano-sandbox serves product p at http://127.0.0.1:"))
        #expect(lines.last?.hasPrefix("murano-sandbox serves MQTT at mqtt://127.0.0.1:") == true)
    }

    private func run(_ arguments: [String], input: String? = nil, url: String? = nil) throws -> Ran {
        try TestProcess.run(
            "murano-sandbox", arguments, environment: ["MURANO_SANDBOX_URL": url ?? self.url], input: input)
    }

    @Test("a connection of MQTT without a device does not keep the server from its end when values are written")
    func anonymousConnection() throws {
        #expect(try run(["device", "add", "02:42"]).code == 0)
        let port = try #require(mqtt.split(separator: ":").last.map(String.init))
        let waiting = try TestProcess(
            "mosquitto_sub", ["-V", "mqttv311", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", "$provision/A"])
        #expect(eventually { (try? run(["log"]).out.contains("MQTT CONNECT")) == true })
        #expect(try run(["device", "write", "02:42", "x", "1"]).code == 0)
        // The write wakes the connection, which looks for a device once more.
        #expect(eventually { (try? run(["device", "read", "02:42", "x"]).out == "1\n") == true })
        #expect(waiting.isRunning)
        server.send(SIGTERM)
        #expect(eventually { !server.isRunning })
    }

    @Test("an operator's round: add, write, read, list, upload, delete, log")
    func round() throws {
        #expect(try run(["device", "add", "02:42"]).code == 0)
        #expect(try run(["device", "add", "02:42"]).code == 73)
        #expect(try run(["device", "write", "02:42", "a", "x y"]).code == 0)
        #expect(try run(["device", "write", "02:42", "b", "-"], input: "{\"df\":\"1\"}\n").code == 0)
        let file = folder + "/file"
        try Data("from file".utf8).write(to: URL(fileURLWithPath: file))
        #expect(try run(["device", "write", "02:42", "c", "@\(file)"]).code == 0)
        #expect(try run(["device", "read", "02:42", "a"]).out == "x y\n")
        #expect(try run(["device", "read", "02:42", "never"]).out == "null\n")
        #expect(try run(["device", "read", "02:42"]).out == "a: x y\nb: {\"df\":\"1\"}\n\nc: from file\n")
        let json = try run(["device", "read", "02:42", "b", "never", "--json"]).out
        let document = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        let state = document?["b"] as? [String: Any]
        #expect(state?["set"] as? String == "{\"df\":\"1\"}\n")
        #expect(state?["reported"] is NSNull)
        #expect((state?["timestamp"] as? Int ?? 0) > 1_700_000_000_000_000)
        #expect(document?["never"] is NSNull)
        #expect(try run(["device", "list"]).out.contains("02:42  whitelisted"))
        #expect(try run(["content", "upload", file, "app.v1.tar.gz"]).code == 0)
        #expect(try run(["content", "upload", file + "-missing"]).code == 66)
        #expect(try run(["content", "list"]).out.contains("app.v1.tar.gz  9 "))
        #expect(try run(["content", "delete", "app.v1.tar.gz"]).code == 0)
        #expect(try run(["content", "delete", "app.v1.tar.gz"]).code == 1)
        #expect(try run(["log", "--json"]).out == "[]\n")
        #expect(try run(["device", "delete", "02:42"]).code == 0)
        #expect(try run(["device", "read", "02:42", "a"]).code == 1)
    }

    @Test("wrong usage is 64, a server that is not there 69; --url may stand first or last")
    func codes() throws {
        #expect(try run(["device", "write", "x"]).code == 64)
        #expect(try run(["nonsense"]).code == 64)
        #expect(try run(["serve", "--data", folder, "--listen", "nowhere"]).code == 64)
        #expect(try run(["device", "list"], url: "http://127.0.0.1:1").code == 69)
        #expect(try run(["--url", url, "device", "list"], url: "http://127.0.0.1:1").code == 0)
        #expect(try run(["device", "list", "--url", url], url: "http://127.0.0.1:1").code == 0)
        #expect(try run(["serve", "--data", folder, "--mqtt", "1883"]).code == 64)
        #expect(try run(["serve", "--data", folder, "--mqtts", "127.0.0.1:0"]).code == 64)
        #expect(try run(["serve", "--data", folder, "--client-ca", "/dev/null"]).code == 64)
        #expect(try run(["--help"]).out.contains("EXAMPLES:"))
    }

    @Test("a device with a password logs in over MQTT, and the log shows its calls")
    func password() throws {
        #expect(try run(["device", "add", "one", "--password", "-"], input: "secret word\n").code == 0)
        #expect(try run(["device", "add", "two", "--password", ""]).code == 65)
        let port = mqtt.split(separator: ":").last.map(String.init) ?? ""
        let login = ["-V", "mqttv311", "-h", "127.0.0.1", "-p", port, "-i", "one", "-u", "one", "-P"]
        let message = ["-q", "1", "-t", "$resource/a", "-m", "1"]
        #expect(try TestProcess.run("mosquitto_pub", login + ["wrong"] + message).code == 4)
        #expect(try TestProcess.run("mosquitto_pub", login + ["secret word"] + message).code == 0)
        #expect(try run(["device", "read", "one", "a"]).out == "1\n")
        // Without the filling of the columns.
        let log = try run(["log"]).out.split(separator: " ").joined(separator: " ")
        #expect(log.contains("MQTT CONNECT connack=4"))
        #expect(log.contains("MQTT PUBLISH $resource/a"))
    }

    @Test("SIGTERM and SIGINT end the server with 0", arguments: [SIGTERM, SIGINT])
    func signals(signal: Int32) throws {
        server.send(signal)
        #expect(server.wait().code == 0)
    }

    @Test("faults are told, listed and taken back, and wrong ones are refused")
    func faults() throws {
        #expect(try run(["fault", "answer", "429", "--retry-after", "7", "--on", "read", "--times", "3"]).code == 0)
        #expect(try run(["fault", "clock", "-100"]).code == 0)
        #expect(
            try run(["fault", "list"]).out == """
                ID  KIND    TIMES  DEVICE  ON    HOW
                1   answer  3      -       read  status=429 retry_after=7
                2   clock   -      -             offset_seconds=-100

                """)
        #expect(try run(["fault", "clear", "1"]).code == 0)
        #expect(try run(["fault", "clear", "1"]).code == 1)
        #expect(try run(["fault", "list", "--json"]).out.contains("clock"))
        #expect(try run(["fault", "clear"]).code == 0)
        #expect(try run(["fault", "list", "--json"]).out == "[]\n")
        for wrong in [
            ["answer", "42"], ["slow", "-1"], ["cut", "1", "--on", "raed"], ["garbage", "--times", "0"],
            ["refuse", "6"],
        ] {
            #expect(try run(["fault"] + wrong).code == 64, "\(wrong)")
        }
    }
}
