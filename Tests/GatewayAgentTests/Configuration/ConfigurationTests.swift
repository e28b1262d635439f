import Documents
import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Glibc
import Testing

@Suite struct ConfigurationTests {
    private func gateway(_ file: String? = nil, overlay: String? = nil) throws -> ScratchGateway {
        let scratch = try ScratchGateway()
        if let file { try scratch.write(file, to: scratch.folders.gatewayFile) }
        if let overlay { try scratch.write(overlay, to: scratch.folders.gatewayOverlayFile) }
        return scratch
    }

    @Test("without any file there are only defaults, and reading makes no file")
    func nothing() throws {
        let scratch = try gateway()
        let configuration = try scratch.load()
        #expect(configuration.settings.isEmpty)
        #expect(configuration.cloud == nil)
        #expect(configuration.transport == .https)
        #expect(configuration.updateInterval == nil)
        #expect(configuration[.updateInterval]?.value == "14400")
        #expect(try scratch.everything().isEmpty)
    }

    @Test("the contract's example is read, each value with the line it stands on")
    func example() throws {
        let scratch = try gateway(
            """
            schema: gwe/v1
            product: sandbox000000000
            cloud: http://127.0.0.1:8085     # default: https://<product>.m2.exosite.io
            identity: 02:42:AC:11:00:02      # or  interface: eth0  (its MAC, upper case)
            ca_file: /etc/gwe/ca.pem         # optional
            export_gateway_cfg: true
            update_interval: 60
            """)
        let configuration = try scratch.load()
        #expect(configuration.product == "sandbox000000000")
        #expect(configuration.cloud == "http://127.0.0.1:8085")
        #expect(configuration.caFile == "/etc/gwe/ca.pem")
        #expect(configuration.settings[.identity]?.origin == .manifest(file: scratch.folders.gatewayFile, line: 4))
        #expect(configuration.exportedConfigFile(standard: "/x") == "/x")
        #expect(configuration.updateInterval?.value == .seconds(60))
        #expect(try Identity.resolve(configuration).text == "02:42:AC:11:00:02")
    }

    @Test(
        "a wrong file is refused with place, key and remedy",
        arguments: [
            ("produkt: x\n", ":1:1: unknown key \"produkt\"; did you mean \"product\"?"),
            ("xyzzy: x\n", ":1:1: unknown key \"xyzzy\"; valid keys are schema, product, cloud"),
            ("product: 12345\n", ":1:10: product: expected a string, found an integer; quote it: \"12345\""),
            ("identity: 00123\n", ":1:11: identity: expected a string, found an integer"),
            ("schema: gwe/v2\n", ":1:9: schema: expected gwe/v1, found \"gwe/v2\""),
            ("schema: gwe/v1\ncloud: http://10.0.0.1\n", ":2:8: cloud: plain http is refused"),
            ("proxy: [a]\n", ":1:8: proxy: expected a string, found a list"),
            ("- a\n", ":1:1: expected a mapping"),
            ("identity: a\ninterface: eth0\n", ":2:12: interface: identity is set as well"),
            ("poll: sometimes\n", ":1:7: poll: expected interval or long, found 'sometimes'"),
            ("identity: ''\n", ":1:11: identity: expected an identity, found an empty string"),
            ("client_cert: /a\n", "client_cert: client_key must be set as well"),
        ])
    func wrong(text: String, message: String) throws {
        let scratch = try gateway(text)
        let error = #expect(throws: DocumentErrors.self) { try scratch.load() }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
        #expect(error?.description.hasPrefix(scratch.folders.gatewayFile) == true)
    }

    @Test("the overlay wins key by key, and null in it takes a key back")
    func overlay() throws {
        let scratch = try gateway(
            "product: one\nidentity: abc\npoll: long\n", overlay: "product: two\npoll: null\ninterface: eth0\n")
        let configuration = try scratch.load()
        #expect(configuration.product == "two")
        #expect(configuration.poll == .interval)
        #expect(configuration.identity == nil)
        #expect(configuration.interface == "eth0")
    }

    @Test("a change makes the file, keeps its comments and mode, and a second one changes nothing")
    func change() throws {
        let scratch = try gateway()
        let first = try scratch.change([.product: "p1", .identity: "abc"])
        #expect(first.file == scratch.folders.gatewayFile)
        #expect(try scratch.read(first.file) == "schema: gwe/v1\nproduct: p1\nidentity: abc\n")

        try scratch.write("# mine\nproduct: p1   # why\npoll: long\n", to: first.file, mode: 0o640)
        let second = try scratch.change([.product: "p2", .updateInterval: "60"])
        #expect(!second.isUnchanged && second.overlayReason == nil)
        #expect(try scratch.read(first.file) == "# mine\nproduct: p2   # why\npoll: long\nupdate_interval: 60\n")
        #expect(try scratch.mode(first.file) == 0o640)
        #expect(try scratch.change([.product: "p2"]).isUnchanged)
        #expect(try scratch.load().poll == .long)
        #expect(try Set(scratch.everything().keys) == ["etc", "etc/gateway.yaml"])
    }

    @Test("setting the interface removes the identity, so that a stale one cannot win")
    func rivals() throws {
        let scratch = try gateway("identity: old\n")
        let change = try scratch.change([.interface: "eth0"])
        #expect(change.replaced == [.identity])
        #expect(try scratch.read(change.file) == "interface: eth0\n")
    }

    @Test("a bad value changes nothing")
    func badValue() throws {
        let scratch = try gateway("product: p1\n")
        #expect(throws: ConfigurationChangeError.self) { try scratch.change([.poll: "x", .product: "p2"]) }
        #expect(throws: DocumentErrors.self) { try scratch.change([.clientKey: "/key"]) }
        #expect(try scratch.read(scratch.folders.gatewayFile) == "product: p1\n")
    }

    @Test("a file that is not written one key a line is refused, not damaged")
    func flowStyle() throws {
        let text = "{product: p1, identity: abc}\n"
        let scratch = try gateway(text)
        #expect(throws: ConfigurationChangeError.self) { try scratch.change([.product: "p2"]) }
        #expect(try scratch.read(scratch.folders.gatewayFile) == text)
    }

    @Test(
        "a value is read back as it was set, whatever it looks like",
        arguments: [
            "true", "null", "12", "1e3", "0x1F", "a: b", "a #b", "#", "- x", "\"quoted\"", "'single'", "back\\slash",
            "anyserial!@#$%^&*()number", "02:42:AC:11:00:02", "{a}", "ümlaut", "*alias", "&anchor", "%", "@at", "~",
            "a:",
        ])
    func roundTrip(identity: String) throws {
        let scratch = try gateway("product: p1\n")
        _ = try scratch.change([.identity: identity])
        #expect(try scratch.load().identity == identity)
    }

    @Test("a symbolic link is written through")
    func link() throws {
        let scratch = try gateway()
        let target = scratch.root.appending(path: "data/real.yaml").path
        try scratch.write("product: p1\n", to: target)
        try FileManager.default.createDirectory(
            atPath: scratch.folders.configFolder, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: scratch.folders.gatewayFile, withDestinationPath: "../data/real.yaml")
        _ = try scratch.change([.product: "p2"])
        #expect(try scratch.read(target) == "product: p2\n")
    }

    @Test("where the configuration folder is read-only the overlay is written, and taken back when it is not")
    func readOnly() throws {
        let scratch = try gateway("product: p1\npoll: long\nidentity: abc\n")
        let folder = scratch.folders.configFolder
        // A bind mount of the folder on itself, read-only; the tests run as root.
        try #require(mount(folder, folder, nil, UInt(MS_BIND), nil) == 0)
        var isMounted = true
        defer { if isMounted { umount2(folder, Int32(MNT_DETACH)) } }
        try #require(mount(nil, folder, nil, UInt(MS_BIND | MS_REMOUNT | MS_RDONLY), nil) == 0)

        let change = try scratch.change([.product: "p2", .poll: nil, .interface: "eth0"])
        #expect(change.file == scratch.folders.gatewayOverlayFile)
        #expect(change.overlayReason?.code == EROFS)
        let configuration = try scratch.load()
        #expect(configuration.product == "p2")
        #expect(configuration.poll == .interval)
        #expect(configuration.interface == "eth0" && configuration.identity == nil)
        #expect(try scratch.read(scratch.folders.gatewayFile) == "product: p1\npoll: long\nidentity: abc\n")

        #expect(umount2(folder, Int32(MNT_DETACH)) == 0)
        isMounted = false
        _ = try scratch.change([.product: "p3"])
        #expect(try scratch.load().product == "p3")
        #expect(try scratch.load().poll == .interval)
    }

    @Test("writers at the same time lose no key")
    func concurrent() async throws {
        let scratch = try gateway()
        let edits: [(GatewayConfiguration.Key, String)] = [
            (.product, "p"), (.identity, "i"), (.poll, "long"), (.caFile, "/ca"), (.tokenGroup, "g"),
            (.updateInterval, "60"), (.userAgent, "u"), (.logLevel, "debug"),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (key, value) in edits { group.addTask { _ = try scratch.change([key: value]) } }
            try await group.waitForAll()
        }
        #expect(try scratch.load().settings.mapValues(\.value) == Dictionary(uniqueKeysWithValues: edits))
    }
}
