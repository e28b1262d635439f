import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// Marks of a merge in a file: CocoaPods/Core#100.
@Suite("Reports of other programs: a merge that was not finished") struct UnfinishedMergeTests {
    @Test("a manifest with its marks is told as that, with the line", arguments: ["yaml", "json"])
    func manifest(_ kind: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let both = ["1", "2"].map {
            kind == "json" ? "{\"schema\": \"gwe/v1\", \"v\": \($0)}\n" : "  web: {version: \"\($0)\"}\n"
        }
        let top = kind == "json" ? "\n\n" : "schema: gwe/v1\napps:\n"
        let path = "\(gateway.root)/merged.\(kind)"
        try gateway.write("\(top)<<<<<<< HEAD\n\(both[0])=======\n\(both[1])>>>>>>> other\n", to: path)
        let ran = try gateway.gwe("validate", path)
        #expect(ran.code == 65, "\(ran)")
        #expect(ran.err.contains("\(path):3:1: <<<<<<< is a mark of a merge that was not finished"), "\(ran)")
    }

    @Test("what only looks like one is read")
    func good() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write(
            "schema: gwe/v1\n# <<<<<<< HEAD\n#=======\napps: {}\n", to: gateway.configFolder + "/manifest.yaml")
        let ran = try gateway.gwe("validate", gateway.configFolder + "/manifest.yaml")
        #expect(ran.code == 0, "\(ran)")
    }
}
