import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// `gwe status --wishes`: whatever operators have said is found in one place, with the way back.
@Suite("What operators asked for") struct WishesTests {
    private func wishes(_ gateway: GatewayFixture, _ arguments: String...) throws -> [JSONValue] {
        let ran = try gateway.start(["status", "--wishes", "--json"] + arguments).wait()
        #expect(ran.code == 0, "\(ran)")
        return try #require(ran.json?["wishes"]?.elements, "\(ran)")
    }

    private func words(_ wish: JSONValue) -> [String?] {
        [wish["app"]?.string, wish["wish"]?.string, wish["taken_back_by"]?.string]
    }

    @Test(
        "a hold, a stop and an install are listed with since when and the command that takes each back, which does so")
    func withoutADaemon() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let none = try gateway.gwe("status", "--wishes")
        #expect(none.code == 0 && none.out.isEmpty && none.err.contains("no operator's wish"), "\(none)")
        try gateway.services([.quickService("a", "1"), .quickService("b", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        #expect(try gateway.gwe("hold", "a").code == 0)
        #expect(try gateway.gwe("stop", "b").code == 0)
        let package = TestPackage.oneOff("tool", "3")
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        #expect(try gateway.gwe("install", path).code == 0)

        let all = try wishes(gateway)
        #expect(
            all.map(words) == [
                ["a", "hold", "gwe unhold a"], ["b", "stop", "gwe start b"], ["tool", "install", "gwe remove tool"],
            ])
        #expect(all.allSatisfy { $0["since"]?.string?.hasPrefix("20") == true }, "\(all)")
        #expect(all.last?["version"]?.string == "3" && all.last?["package"]?.string == path)
        #expect(try wishes(gateway, "b").map(words) == [["b", "stop", "gwe start b"]])
        let text = try gateway.gwe("status", "--wishes")
        #expect(text.code == 0 && text.out.contains("TAKEN BACK BY") && text.out.contains("gwe unhold a"), "\(text)")
        #expect(try gateway.gwe("status", "--wishes", "nobody").code == 4)

        for wish in all {
            let command = try #require(wish["taken_back_by"]?.string).split(separator: " ").dropFirst().map(String.init)
            let ran = try gateway.start(command).wait()
            #expect(ran.code == 0, "\(ran)")
        }
        #expect(try wishes(gateway).isEmpty)
    }

    @Test(
        "an install of an app that the manifest names is taken back by unhold; one that was overtaken is no wish any more"
    )
    func overtaken() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        #expect(try gateway.gwe("reconcile").code == 0)
        let package = TestPackage.quickService("web", "2")
        let path = "\(gateway.root)/by-hand/\(package.fileName)"
        try gateway.write("", to: path)
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        #expect(try gateway.gwe("install", path).code == 0)
        #expect(try wishes(gateway).map(words) == [["web", "install", "gwe unhold web"]])
        try gateway.services([.quickService("web", "3")])
        #expect(try wishes(gateway).isEmpty)
    }
}
