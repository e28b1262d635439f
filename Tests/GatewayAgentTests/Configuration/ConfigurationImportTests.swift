import DeviceClient
import Documents
import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Testing

@Suite struct ConfigurationImportTests {
    private let cik = String(repeating: "0123456789abcdef", count: 2) + "01234567"

    /// An installation as Gateway Engine leaves it.
    private func installation(
        _ scratch: ScratchGateway, cik: String, uuid: String = "''", iface: String = "''", model: String = "prod1"
    ) throws -> (file: String, programs: String) {
        let file = scratch.root.appending(path: "exosite/Gateway.cfg").path
        try scratch.write(
            "[device]\ncik = \(cik)\nmodel = \(model)\nvendor = prod1\nuuid = \(uuid)\niface = \(iface)\n\n", to: file)
        return (file, scratch.root.appending(path: "conf.d").path)
    }

    @Test("identity, product and token are taken over, and the token is never told")
    func takeover() throws {
        let scratch = try ScratchGateway()
        let (file, programs) = try installation(scratch, cik: cik, uuid: "00:08:00:4A:02:25", iface: "eth0")
        var plan = try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        #expect(try Set(scratch.everything().keys) == ["exosite", "exosite/Gateway.cfg"], "a plan writes nothing")
        _ = try plan.apply(folders: scratch.folders)
        let configuration = try scratch.load()
        #expect(configuration.product == "prod1")
        #expect(configuration.identity == "00:08:00:4A:02:25")
        #expect(configuration.interface == nil)
        #expect(try TokenStore(path: scratch.folders.tokenFile).load()?.token.secret == cik)
        #expect(try scratch.mode(scratch.folders.tokenFile) == 0o600)
        #expect(plan.left.contains { $0.contains("iface eth0") })
        #expect(!"\(plan) \(plan.taken) \(plan.left)".contains(cik))
        #expect(try !scratch.read(scratch.folders.gatewayFile).contains(cik))
    }

    @Test("a second import changes no byte")
    func twice() throws {
        let scratch = try ScratchGateway()
        let (file, programs) = try installation(scratch, cik: cik, uuid: "serial")
        var plan = try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        _ = try plan.apply(folders: scratch.folders)
        let first = try scratch.everything()
        var again = try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        #expect(try again.apply(folders: scratch.folders).isUnchanged)
        #expect(try scratch.everything() == first)
    }

    @Test("the default file, in which all is '', is refused and leaves nothing behind")
    func empty() throws {
        let scratch = try ScratchGateway()
        let text = "[device]\ncik = ''\nmodel = ''\nvendor = ''\nuuid = ''\niface = ''\n\n"
        #expect(text.utf8.count == 63)
        let file = scratch.root.appending(path: "Gateway.cfg").path
        try scratch.write(text, to: file)
        #expect(throws: GatewayEngineImport.Failure.nothingToImport(file)) {
            try GatewayEngineImport.plan(file, programFolder: "/nowhere", folders: scratch.folders)
        }
        #expect(try scratch.everything().count == 1)
    }

    @Test("a file of another kind, and a token of another length, are refused")
    func wrong() throws {
        let scratch = try ScratchGateway()
        let other = scratch.root.appending(path: "x.cfg").path
        try scratch.write("[unq]\nbatch_qty = 60\n", to: other)
        #expect(throws: GatewayEngineImport.Failure.noDeviceSection(other)) {
            try GatewayEngineImport.plan(other, programFolder: "/nowhere", folders: scratch.folders)
        }
        let (file, programs) = try installation(scratch, cik: "short-secret", uuid: "serial")
        let error = #expect(throws: GatewayEngineImport.Failure.self) {
            try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        }
        #expect(error?.description.contains("expected 40 characters, found 12") == true)
        #expect(error?.description.contains("short-secret") == false)
    }

    @Test("a gateway that is somebody else already is not overwritten")
    func conflict() throws {
        let scratch = try ScratchGateway()
        _ = try scratch.change([.identity: "mine"])
        let (file, programs) = try installation(scratch, cik: cik, uuid: "theirs")
        #expect(throws: GatewayEngineImport.Failure.conflict(key: .identity, here: "mine", there: "theirs")) {
            try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        }
    }

    @Test("supervisord's programs become a manifest that can be read")
    func apps() throws {
        let scratch = try ScratchGateway()
        let (file, programs) = try installation(scratch, cik: "''", iface: "eth0")
        try scratch.write("[program:counter]\ncommand = ./counter\n", to: programs + "/counter.conf")
        try scratch.write("[program:ntp_updater]\nautostart = false\n", to: programs + "/ntp.conf")
        try scratch.write("[program:unknown-one]\ncommand=x\n", to: programs + "/unknown.conf")
        try scratch.write("[program:gwe]\ncommand = gwe\n", to: programs + "/gwe.conf")
        try scratch.write(
            "[engine]\napps = [{u'counter2': u'9'}, {u'counter': u'1'}, {'ntp_updater': '1.2.3'}]\n",
            to: scratch.root.appending(path: "exosite/Engine.config").path)

        var plan = try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        _ = try plan.apply(folders: scratch.folders)
        #expect(plan.taken.contains("app counter version 1"))
        #expect(plan.left.contains("app gwe: gwe does its work"))
        #expect(try scratch.load().interface == "eth0")

        let text = try scratch.read(scratch.folders.manifestFile)
        let node = try YAML.parse(text, source: "manifest.yaml")
        let layer = try ManifestDecoder.decode(node, source: "manifest.yaml", kind: .local)
        #expect(Set(layer.apps.keys.map(\.text)) == ["counter", "ntp_updater"])
        #expect(layer.apps[try #require(AppName("counter"))]?.release?.value.version.text == "1")
        #expect(layer.apps[try #require(AppName("ntp_updater"))]?.state?.value == .stopped)
        #expect(text.contains("# unknown-one:"))
    }

    @Test("programs without a known version make a manifest that wishes nothing")
    func noVersions() throws {
        let scratch = try ScratchGateway()
        let (file, programs) = try installation(scratch, cik: "''", iface: "eth0")
        try scratch.write("[program:counter]\ncommand = ./counter\n", to: programs + "/counter.conf")
        let plan = try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        let node = try YAML.parse(try #require(plan.manifest), source: "manifest.yaml")
        #expect(try ManifestDecoder.decode(node, source: "manifest.yaml", kind: .local).namesApps == false)
    }

    @Test("a manifest that is there is left alone")
    func manifestThere() throws {
        let scratch = try ScratchGateway()
        try scratch.write("schema: gwe/v1\napps: {}\n", to: scratch.folders.manifestFile)
        let (file, programs) = try installation(scratch, cik: "''", iface: "eth0")
        try scratch.write("[program:counter]\n", to: programs + "/counter.conf")
        var plan = try GatewayEngineImport.plan(file, programFolder: programs, folders: scratch.folders)
        _ = try plan.apply(folders: scratch.folders)
        #expect(try scratch.read(scratch.folders.manifestFile) == "schema: gwe/v1\napps: {}\n")
    }

    @Test("the exported Gateway.cfg reads back as it was written")
    func export() throws {
        let text = GatewayEngineConfiguration.gatewayConfig(
            token: cik, product: "prod1", identity: "a b", interface: nil)
        let old = try #require(GatewayEngineConfiguration(gatewayConfig: text))
        #expect(old.cik == cik && old.vendor == "prod1" && old.model == "prod1" && old.uuid == "a b")
        #expect(old.interface == nil)
        let empty = GatewayEngineConfiguration.gatewayConfig(token: nil, product: nil, identity: "", interface: nil)
        #expect(empty == "[device]\ncik = ''\nmodel = ''\nvendor = ''\nuuid = ''\niface = ''\n\n")
    }

    @Test("Gateway.cfg is exported where it is wanted, once, for root's eyes only")
    func exportFile() throws {
        let scratch = try ScratchGateway()
        _ = try scratch.change([.product: "prod1", .identity: "serial"])
        #expect(try GatewayConfigExport.update(scratch.load(), folders: scratch.folders) == nil)
        _ = try scratch.change([.exportGatewayConfig: "true"])
        let path = try #require(try GatewayConfigExport.update(scratch.load(), folders: scratch.folders))
        #expect(try scratch.read(path).contains("cik = ''\nmodel = prod1\n"))
        #expect(try scratch.mode(path) == 0o600)
        #expect(try GatewayConfigExport.update(scratch.load(), folders: scratch.folders) == nil)
        try TokenStore(path: scratch.folders.tokenFile).save(try #require(DeviceToken(cik)))
        #expect(try GatewayConfigExport.update(scratch.load(), folders: scratch.folders) == path)
        #expect(try scratch.read(path).contains("cik = \(cik)\n"))
    }

    @Test("a token group that does not exist is an error that names it")
    func noGroup() throws {
        let scratch = try ScratchGateway()
        _ = try scratch.change([.tokenGroup: "no-such-group-here"])
        let configuration = try scratch.load()
        let folders = scratch.folders
        let error = #expect(throws: NoSuchGroup.self) { try TokenStore.make(folders, configuration) }
        #expect(error?.name == "no-such-group-here")
    }

    @Test("a token group may read the token")
    func group() throws {
        let scratch = try ScratchGateway()
        _ = try scratch.change([.tokenGroup: "daemon"])
        let token = try #require(DeviceToken(cik))
        try TokenStore.make(scratch.folders, try scratch.load()).save(token)
        #expect(try scratch.mode(scratch.folders.tokenFile) == 0o640)
        let attributes = try FileManager.default.attributesOfItem(atPath: scratch.folders.tokenFile)
        #expect(attributes[.groupOwnerAccountName] as? String == "daemon")
    }
}
