import GatewayModel
import Testing

@testable import GatewayAgent

/// The pass that tries again what this machine kept an earlier one from.
@Suite("A retry for a cause of the machine") struct MachineRetryPassTests {
    @Test("does its work and talks to no cloud; the next poll tells what came of it")
    func silent() throws {
        let gateway = try ReportsTests.Gateway()
        gateway.cloud.values["engine_fetch"] = ""
        _ = try gateway.pass()
        try gateway.upload("tool.v1.tar.gz")
        let path = try #require(gateway.cloud.contents["tool.v1.tar.gz"])
        try gateway.scratch.write(
            "schema: gwe/v1\napps: {tool: {version: \"1\", artifact: {path: \"\(path)\"}}}\n",
            to: gateway.context.manifestFile)
        let (requests, writes) = (gateway.cloud.requestCount, gateway.cloud.writes.count)
        let reconciler = Reconciler(
            context: gateway.context, journal: gateway.state.journal, services: nil, cloud: gateway.cloud
        ) { _ in }
        #expect(try reconciler.run(PassOptions(.machineRetry)).result.exit == .success)
        let tool = try #require(AppName("tool"))
        #expect(try gateway.state.journal.apps()[tool]?.current != nil)
        #expect(gateway.cloud.requestCount == requests)
        _ = try gateway.pass()
        #expect(gateway.cloud.writes.count > writes)
    }
}
