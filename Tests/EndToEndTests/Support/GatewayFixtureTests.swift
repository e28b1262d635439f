import Documents
import TestSupport
import Testing

@Suite("the gateway fixture") struct GatewayFixtureTests {
    @Test("one pass takes a command, installs it, reports and clears it")
    func onePass() throws {
        let gateway = try GatewayFixture()
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        let planned = try gateway.gwe("reconcile", "--dry-run", "--json")
        #expect(planned.code == 0, "\(planned)")
        let first = try gateway.gwe("reconcile")
        #expect(first.code == 0, "\(first)")
        #expect(gateway.current("tool") != nil)
        #expect(gateway.read(gateway.stateFolder + "/data/tool/runs") == "1\n")
        #expect(try gateway.resource("engine_fetch") == "")
        #expect(try gateway.downloads(of: "tool.v1.tar.gz").count == 1)
        let second = try gateway.gwe("reconcile", "--json")
        #expect(second.code == 0, "\(second)")
        #expect(try gateway.gwe("status", "--json").json?["summary"]?["synced"]?.int == 1)
    }
}
