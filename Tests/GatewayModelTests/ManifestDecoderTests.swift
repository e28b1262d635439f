import Documents
import GatewayModel
import GatewaySystem
import Testing

/// A manifest's text as a layer, through the real YAML reader.
func decodeManifest(
    _ text: String, source: String = "/etc/gwe/manifest.yaml", kind: ManifestDecoder.Kind = .local
) throws(DocumentErrors) -> Layer {
    try ManifestDecoder.decode(Array(text.utf8), source: source, kind: kind, yaml: YAML.read)
}

func app(_ name: String) throws -> AppName { try #require(AppName(name)) }
func version(_ text: String) throws -> Version { try #require(Version(text)) }

@Suite("The manifest decoder")
struct ManifestDecoderTests {
    private static let whole = """
        schema: gwe/v1
        update_interval: 1h30m
        apps:
          gmq_demo:
            version: "5"
            artifact:
              content: gmq_demo.v5.tar.gz
              sha256: 9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
              size: 1234
            state: stopped
            hold: true
            urgent: true
            requires: [gmq, "5"]
            service:
              command: bin/app --port 9000
              environment: {LEVEL: debug, PORT: "9000"}
              user: nobody
              restart: on-failure
              directory: share/www
              stop_signal: SIGINT
              stop_timeout: 0
            health: {tcp: "[::1]:9000", within: 250ms, every: 10, failures: 2}
          lib: {version: 1.2.3}
          stick: {version: a, artifact: {path: /media/usb/a.tar.gz}}
          net: {version: a, artifact: {url: "https://example.com/a.tar.gz?x=1"}}
        policy:
          keep_versions: 3.0
          require_signature: true
          allow_downgrade: true
          allow_setuid: false
          window: 22:00-04:30
          bandwidth: 200KiB/s
          precedence: local
          atomic: all
          log_budget: 16MiB
          log_rate: 500
          data_budget: {ppp0: 50MiB/month, wlan0: 3MB/day}
          environment: clean
        """

    @Test("every key of the contract is read, with its origin")
    func everything() throws {
        let layer = try decodeManifest(Self.whole)
        #expect(layer.updateInterval == Sourced(.seconds(5_400), from: .manifest(file: "manifest.yaml", line: 2)))
        let demo = try #require(layer.apps[try app("gmq_demo")])
        let digest = Digest("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
        let wish = ReleaseWish(
            version: try version("5"), location: .content("gmq_demo.v5.tar.gz"), sha256: digest, size: 1234)
        #expect(demo.release == Sourced(wish, from: .manifest(file: "manifest.yaml", line: 5)))
        #expect(demo.state == Sourced(.stopped, from: .manifest(file: "manifest.yaml", line: 10)))
        #expect(demo.hold?.value == true && demo.urgent?.value == true)
        #expect(demo.requires?.value == [try app("gmq"), try app("5")])
        let service = ServiceOverride(
            command: "bin/app --port 9000", environment: ["LEVEL": "debug", "PORT": "9000"], user: "nobody",
            restart: .onFailure, directory: "share/www", stopSignal: "INT", stopTimeout: .zero)
        #expect(demo.service == Sourced(service, from: .manifest(file: "manifest.yaml", line: 14)))
        let health = HealthCheck(
            probe: .tcp(host: "::1", port: 9000), within: .milliseconds(250), every: .seconds(10), failures: 2)
        #expect(demo.health?.value == health)
        #expect(layer.apps[try app("lib")]?.release?.value.location == .content("lib.v1.2.3.tar.gz"))
        #expect(layer.apps[try app("stick")]?.release?.value.location == .path("/media/usb/a.tar.gz"))
        #expect(layer.apps[try app("net")]?.release?.value.location == .url("https://example.com/a.tar.gz?x=1"))
        var policy = PolicyLayer()
        policy.keepVersions = 3
        policy.requireSignature = true
        policy.allowDowngrade = true
        policy.allowSetuid = false
        policy.window = DailyWindow(start: 22 * 60, end: 4 * 60 + 30)
        policy.bandwidth = 200 << 10
        policy.precedence = .local
        policy.atomic = .all
        policy.logBudget = 16 << 20
        policy.logRate = 500
        policy.dataBudget = [
            "ppp0": DataBudget(byteCount: 50 << 20, period: .month),
            "wlan0": DataBudget(byteCount: 3_000_000, period: .day),
        ]
        policy.environment = .clean
        #expect(layer.policy == policy)
    }

    @Test("a layer stored as canonical JSON comes back whole, its keys in a stable order")
    func canonical() throws {
        let layer = try decodeManifest(Self.whole, kind: .cloud)
        let text = layer.canonicalJSON().text()
        let again = try Layer.stored(text, source: "journal", origin: .cloud)
        #expect(again == layer)
        #expect(again.canonicalJSON().text() == text)
        #expect(try decodeManifest(text, source: "x.json", kind: .cloud) == layer)
    }

    @Test("all errors are told at once, in the order of the text")
    func together() {
        let text = """
            schema: gwe/v1
            apps:
              web:
                verison: "1"
                hold: yes
              api:
                version: 1.10
                requires: [api, db, db]
                service: {env: {A: b}, restart: Always}
            polcy: {}
            """
        let errors = #expect(throws: DocumentErrors.self) { try decodeManifest(text) }
        #expect(
            errors?.description == """
                /etc/gwe/manifest.yaml:4:5: apps.web: unknown key "verison"; did you mean "version"?
                /etc/gwe/manifest.yaml:5:11: apps.web.hold: expected true or false, found "yes"; YAML 1.2 knows no other booleans
                /etc/gwe/manifest.yaml:7:14: apps.api.version: a version is a text, found a number; quote it: "1.10"
                /etc/gwe/manifest.yaml:8:16: apps.api.requires[0]: api cannot require itself
                /etc/gwe/manifest.yaml:8:25: apps.api.requires[2]: db is named twice
                /etc/gwe/manifest.yaml:9:15: apps.api.service: unknown key "env"; did you mean "environment"?
                /etc/gwe/manifest.yaml:9:37: apps.api.service.restart: expected one of always, on-failure, never, found "Always"; did you mean always?
                /etc/gwe/manifest.yaml:10:1: unknown key "polcy"; did you mean "policy"?
                """)
    }

    @Test("twenty errors are kept, the others counted")
    func bounded() {
        let apps = (1...50).map { "  app\($0): {version: \($0)}" }.joined(separator: "\n")
        let errors = #expect(throws: DocumentErrors.self) { try decodeManifest("schema: gwe/v1\napps:\n\(apps)") }
        #expect(errors?.errors.count == 20)
        #expect(errors?.omittedCount == 30)
        #expect(errors?.description.hasSuffix("and 30 more") == true)
    }

    @Test("no apps and no key apps are told apart")
    func emptiness() throws {
        #expect(try decodeManifest("schema: gwe/v1\napps: {}").namesApps)
        #expect(try decodeManifest("schema: gwe/v1").namesApps == false)
        for text in ["", "# only a comment", "schema: gwe/v1\napps:", "{}"] {
            #expect(throws: DocumentErrors.self, "\(text)") { try decodeManifest(text) }
        }
    }

    @Test("only what gwe stored itself may name the run of a command")
    func run() throws {
        let text = #"{"schema":"gwe/v1","apps":{"a":{"version":"1","run":7}}}"#
        #expect(
            try Layer.stored(text, source: "journal", origin: .cloud).apps[try app("a")]?.release?.value.commandNumber
                == 7)
        #expect(throws: DocumentErrors.self) { try decodeManifest(text, source: "x.json") }
    }
}
