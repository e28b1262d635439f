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

    @Test("a token without a length is taken, for it is given out once; an error without one keeps its status")
    func token() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let token = String(repeating: "a1b2c3d4", count: 5)
        let server = try PackageServer { request, _ in
            request.target.contains("activate")
                ? PackageServer.answer(Array(token.utf8), headers: [])
                : PackageServer.answer(Array("busy".utf8), status: "503 Service Unavailable", headers: [])
        }
        defer { server.stop() }
        try gateway.write(
            "schema: gwe/v1\nproduct: \(GatewayFixture.product)\nidentity: x\ncloud: \(server.url)\n",
            to: gateway.configFolder + "/gateway.yaml")
        let activated = try gateway.gwe("activate")
        #expect(activated.code == 0 && activated.out == "activated as x\n", "\(activated)")
        #expect(gateway.read(gateway.stateFolder + "/token")?.contains(token) == true)
        let pass = try gateway.gwe("reconcile")
        #expect(pass.err.contains("503") && !pass.err.contains("tells no length"), "\(pass)")
    }
}

private enum Form {
    static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
