import Documents
import GatewayModel
import Testing

@Suite struct GatewayConfigurationTests {
    typealias Key = GatewayConfiguration.Key

    @Test(
        "every key says what it expects",
        arguments: [
            (Key.product, "my_product", "a product id"),
            (.cloud, "http://murano.example.com", "plain http is refused unless the host is loopback"),
            (.cloud, "http://127.0.0.1.evil.com", "plain http is refused"),
            (.cloud, "mqtt://host", "expected a URL of https"),
            (.cloud, "https://", "names no host"),
            (.cloud, "https://me:secret@host", "no user or password"),
            (.cloud, "host", "expected https://host"),
            (.identity, "''", "how Gateway Engine wrote an empty value"),
            (.identity, "", "found an empty string"),
            (.identity, "a\nb", "no control characters"),
            (.interface, "eth0/1", "name of a network interface"),
            (.caFile, "ca.pem", "absolute path"),
            (.proxy, "ftp://proxy", "expected a proxy of"),
            (.transport, "http", "expected https or mqtt"),
            (.poll, "", "expected interval or long"),
            (.exportGatewayConfig, "yes", "expected true, false"),
            (.updateInterval, "0", "expected seconds"),
            (.updateInterval, "4 hours", "expected seconds"),
            (.updateInterval, "99999999999999999999d", "expected seconds"),
        ])
    func refused(key: Key, text: String, message: String) throws {
        let problem = try #require(key.problem(with: text))
        #expect(problem.contains(message), "\(problem)")
    }

    @Test(
        "what operators write is accepted",
        arguments: [
            (Key.identity, "anyserial!@#$%^&*()number"), (.identity, "02:42:AC:11:00:02"), (.identity, "'quoted'"),
            (.cloud, "http://127.0.0.1:8085"), (.cloud, "http://[::1]:8085/"), (.cloud, "http://localhost:80"),
            (.cloud, "https://murano.example.com"), (.product, "sandbox000000000"), (.interface, "eth0.5"),
            (.proxy, "proxy.lan:3128"), (.proxy, "socks5h://me:pw@proxy.lan"), (.updateInterval, "4h"),
            (.exportGatewayConfig, "/etc/exosite/gwe/Gateway.cfg"), (.tokenGroup, "gateway-apps"),
        ])
    func accepted(key: Key, text: String) {
        #expect(key.problem(with: text) == nil)
    }

    private func layer(_ settings: KeyValuePairs<Key, String?>) -> GatewayConfiguration.Layer {
        .init(Dictionary(uniqueKeysWithValues: settings.map { ($0.key, Sourced($0.value, from: .builtin)) }))
    }

    @Test("a later layer wins key by key, and null takes a key back")
    func layers() {
        let configuration = GatewayConfiguration(layers: [
            layer([.product: "first", .poll: "long", .caFile: "/ca"]), layer([.product: "second", .caFile: nil]),
        ])
        #expect(configuration.product == "second")
        #expect(configuration.poll == .long)
        #expect(configuration.caFile == nil)
        #expect(configuration.cloud == "https://second.m2.exosite.io")
    }

    @Test("an interface set later is not beaten by an identity set earlier")
    func identityAndInterface() {
        let configuration = GatewayConfiguration(layers: [layer([.identity: "old"]), layer([.interface: "eth0"])])
        #expect(configuration.identity == nil)
        #expect(configuration.interface == "eth0")
    }

    @Test("a proxy's password is never shown")
    func proxyPassword() {
        #expect(GatewayConfiguration.shown(.proxy, "http://me:pa@ss@host:3128") == "http://me:***@host:3128")
        #expect(GatewayConfiguration.shown(.proxy, "host:3128") == "host:3128")
    }

    @Test("an edit keeps comments, order and every other line")
    func edit() {
        var editor = GatewayConfigurationEditor(
            """
            # our gateway
            schema: gwe/v1

            product: old     # from the portal
            # identity: by hand
            "identity" : 'a # b'  # sticker
            cloud:
              http://127.0.0.1:1
            poll: long
            """)
        editor.set(.product, to: "new")
        editor.set(.identity, to: "x\"y")
        editor.set(.cloud, to: "http://127.0.0.1:2")
        editor.set(.updateInterval, to: "60")
        editor.remove(.poll)
        #expect(
            editor.text == """
                # our gateway
                schema: gwe/v1

                product: new     # from the portal
                # identity: by hand
                "identity" : "x\\"y"  # sticker
                cloud: http://127.0.0.1:2
                update_interval: 60

                """)
    }

    @Test("a new file begins with its schema")
    func newFile() {
        var editor = GatewayConfigurationEditor()
        editor.set(.identity, to: "02:42:AC:11:00:02")
        editor.setNull(.caFile)
        #expect(editor.text == "schema: gwe/v1\nidentity: \"02:42:AC:11:00:02\"\nca_file: null\n")
    }
}
