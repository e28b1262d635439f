import Documents
import Testing

@testable import GatewayModel

/// What a journal holds that another version of gwe has written.
@Suite("Layers of another version of gwe") struct StoredLayerTests {
    private func app(_ name: String) throws -> AppName { try #require(AppName(name)) }

    private let cloud = """
        {"schema":"gwe/v1","apps":{"web":{"version":"1","run":7,"hold":true,"colour":"blue",
        "artifact":{"content":"web.v1.tar.gz","mirror":"x"},"service":{"command":"bin/run","nice":5}}},
        "policy":{"keep_versions":3,"moon":"full"},"serial":4}
        """

    @Test("keys that this one does not know are passed over, and all others are kept")
    func cloudLayer() throws {
        let layer = try Layer.stored(cloud, source: "journal", origin: .cloud)
        let web = try #require(layer.apps[try app("web")])
        #expect(web.release?.value.commandNumber == 7 && web.hold?.value == true)
        #expect(web.service?.value.command == "bin/run")
        #expect(layer.policy?.keepVersions == 3)
    }

    @Test("an operator's layer keeps its holds, stops and releases")
    func operatorLayer() throws {
        let text = #"{"web":{"version":"1","hold":true,"allow_later":true,"base":{"version":"0","mood":"good"}}}"#
        let entry = try #require(try OperatorLayer.stored(text, source: "journal").apps[try app("web")])
        #expect(entry.hold && entry.release?.version.text == "1" && entry.base?.version.text == "0")
    }

    @Test("the last good manifest too; one that is written now is judged as strictly as ever")
    func manifest() throws {
        let bytes = Array(#"{"schema":"gwe/v1","apps":{"web":{"version":"1"}},"policy":{"moon":"full"}}"#.utf8)
        let yaml: DocumentReader = { bytes, source throws(DocumentError) in try JSON.parse(bytes, source: source) }
        let layer = try ManifestDecoder.decodeStored(bytes, source: "manifest.json", yaml: yaml)
        let web = try app("web")
        #expect(layer.apps[web]?.release?.value.version.text == "1")
        #expect(throws: DocumentErrors.self) {
            try ManifestDecoder.decode(bytes, source: "manifest.json", kind: .local, yaml: yaml)
        }
    }

    @Test("a version that an earlier one took is one still, where it was kept")
    func versions() throws {
        let odd = "1.0\u{200B}"
        #expect(Version(odd) == nil)
        #expect(Version(stored: odd)?.text == odd)
        for bad in ["", ".", "..", "a/b", "a\0b"] { #expect(Version(stored: bad) == nil) }
        let text =
            "{\"schema\":\"gwe/v1\",\"apps\":{\"web\":{\"version\":\"\(odd)\",\"artifact\":{\"path\":\"/x.tar.gz\"}}}}"
        let layer = try Layer.stored(text, source: "journal", origin: .cloud)
        let web = try app("web")
        #expect(layer.apps[web]?.release?.value.version.text == odd)
    }
}
