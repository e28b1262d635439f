import Foundation
import GatewaySystem
import TestSupport
import Testing

/// Answers of the cloud that end before they are whole, given to a whole gateway.
@Suite("Cut answers of the cloud") struct CutAnswerTests {
    // openwisp/openwisp-config#125: a configuration whose download had failed was applied.
    @Test(
        "half a manifest, of which nothing tells that it is half, removes nothing", arguments: ["no length", "length"])
    func halfManifest(kind: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        var apps: [String] = []
        for name in ["web", "db"] {
            let package = TestPackage.oneOff(name, "1")
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            apps.append("  \(name): {version: \"1\", artifact: {path: \"\(path)\"}}\n")
        }
        let manifest = "schema: gwe/v1\napps:\n" + apps.joined()
        let whole = Array("engine_fetch=\(Form.escaped(manifest))".utf8)
        let cut = Array("engine_fetch=\(Form.escaped("schema: gwe/v1\napps:\n" + apps[0]))".utf8).count
        let flag = gateway.root + "/cut"
        let server = try PackageServer { _, _ in
            guard FileTree.exists(flag) else { return PackageServer.answer(whole) }
            return PackageServer.answer(
                whole, headers: kind == "length" ? ["Content-Length: \(whole.count)"] : [], cutAfter: cut)
        }
        defer { server.stop() }
        try gateway.write(
            "schema: gwe/v1\nproduct: \(GatewayFixture.product)\nidentity: x\ncloud: \(server.url)\n",
            to: gateway.configFolder + "/gateway.yaml")
        try gateway.write(String(repeating: "a", count: 40) + "\n", to: gateway.stateFolder + "/token")
        let first = try gateway.gwe("reconcile")
        #expect(gateway.current("web") != nil && gateway.current("db") != nil, "\(first)")
        #expect(FileManager.default.createFile(atPath: flag, contents: nil))
        let second = try gateway.gwe("reconcile")
        let words = kind == "length" ? "bytes remaining to read" : "the answer tells no length"
        #expect(second.err.contains(words) && second.err.contains("the last desired state that is known"), "\(second)")
        #expect(gateway.current("db") != nil, "\(second)")
    }
}

private enum Form {
    static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
