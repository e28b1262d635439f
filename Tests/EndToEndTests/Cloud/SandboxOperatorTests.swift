import MuranoSandbox
import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// What an operator of the stand-in cloud sees of a gateway.
@Suite("The stand-in cloud's operator") struct SandboxOperatorTests {
    private func sandbox(_ gateway: GatewayFixture, _ arguments: String...) throws -> TestProcess {
        try TestProcess(
            "murano-sandbox", arguments + ["--url", gateway.sandbox.url], environment: gateway.variables,
            scratch: gateway.root + "/scratch")
    }

    @Test("device list has the last contact, content list dates beside the seconds, and log -f goes on with what comes")
    func lists() throws {
        let gateway = try GatewayFixture()
        let before = try sandbox(gateway, "device", "list").wait()
        #expect(
            before.out.contains("LAST CONTACT") && before.out.contains("\(gateway.id)  whitelisted  -"), "\(before)")
        try gateway.upload(.oneOff("tool", "1"))
        let contents = try sandbox(gateway, "content", "list").wait()
        let row = contents.out.split(separator: "\n").last?.split(separator: " ") ?? []
        try #require(row.count == 5, "\(contents)")
        #expect(row[0] == "tool.v1.tar.gz")
        #expect(CivilTime(unixSeconds: Int64(row[3]) ?? 0).description == row[2], "\(contents)")

        let log = try sandbox(gateway, "log", "-f")
        try gateway.eventually("it has begun") { log.out.contains("PATH") }
        #expect(try gateway.gwe("activate").code == 0)
        try gateway.eventually("the request comes") { log.out.contains("/provision/activate") }
        _ = try gateway.gwe("reconcile")
        try gateway.eventually("and the next") { log.out.split(separator: "\n").count > 2 }
        log.send(SIGINT)
        #expect(log.wait().signal == SIGINT)
        let after = try sandbox(gateway, "device", "list", "--json").wait()
        let time = after.json?.elements?.first?["last_contact"]?.int ?? 0
        #expect(time > 1_700_000_000_000_000, "\(after)")
        let table = try sandbox(gateway, "device", "list").wait()
        #expect(table.out.contains(CivilTime(unixSeconds: time / 1_000_000).description), "\(table)")
    }

    @Test("a cloud that is away is told with its cause once")
    func cause() throws {
        let gateway = try GatewayFixture()
        gateway.sandbox.stop()
        let ran = try gateway.gwe("activate")
        #expect(ran.code == 69, "\(ran)")
        let words = ran.err.lowercased()
        #expect(words.components(separatedBy: "connect to").count == 2, "\(ran)")
    }

    @Test("the page in a browser shows faults and last contacts, and the server says at its start that there is a page")
    func page() throws {
        let gateway = try GatewayFixture()
        var configuration = TransferConfiguration()
        configuration.allowsPlainHTTP = true
        let page = try HTTPTransfer(configuration)
            .perform(HTTPRequest(.get, gateway.sandbox.url + "/", headers: [], body: nil)).text
        #expect(page.contains("id=\"faults\"") && page.contains("path(\"faults\")") && page.contains("last_contact"))
        let server = try TestProcess(
            "murano-sandbox", ["serve", "--data", gateway.root + "/other", "--listen", "127.0.0.1:0"],
            scratch: gateway.root + "/scratch")
        try gateway.eventually("it says so") { server.out.contains("a page for a browser: http://127.0.0.1:") }
        server.send(SIGTERM)
        #expect(server.wait().code == 0)
    }
}
