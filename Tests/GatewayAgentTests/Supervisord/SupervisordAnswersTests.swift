import Foundation
import GatewayModel
import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// What answers at supervisord's address need not be supervisord.
@Suite struct SupervisordAnswersTests {
    @Test(
        "an answer that is not supervisord's makes apps UNKNOWN, with the reason, and is never believed",
        arguments: [
            (200, "garbage", "no XML-RPC"), (200, "", "no XML-RPC"), (500, "oops", "it answers 500"),
            (302, "", "it answers 302"),
            (
                200,
                "<?xml version='1.0'?><methodResponse><params><param><value>1</value></param></params></methodResponse>",
                "is not supervisord's"
            ),
            (200, String(repeating: "x", count: 9 << 20), "cannot use"),
        ])
    func garbage(_ status: Int, _ body: String, _ reason: String) throws {
        let root = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(root) }
        try FileTree.makeDirectory(root + "/state/services")
        try FileTree.makeDirectory(root + "/conf.d")
        try AtomicFile.write(
            "[unix_http_server]\nfile=%(here)s/s\n[supervisord]\n[include]\nfiles=conf.d/*.conf\n", to: root + "/s.conf"
        )
        let server = try LocalHTTPServer(.init(address: .unix(path: root + "/s", mode: 0o600))) { _ in
            HTTPServerResponse(status: status, text: body, type: "text/xml")
        }
        defer { server.stop() }
        let app = try #require(AppName("web"))
        let context = GatewayContext(
            folders: Folders(configFolder: root, stateFolder: root + "/state", logFolder: root),
            configuration: GatewayConfiguration(layers: [
                .init([
                    .services: Sourced("supervisord", from: .builtin),
                    .supervisordFile: Sourced(root + "/s.conf", from: .builtin),
                ])
            ]))
        try AtomicFile.write("{}", to: ReleaseStore(folders: context.folders).servicePath(app))
        let program = "[program:web]\ncommand=/bin/true\n"
        try AtomicFile.write(program, to: ReleaseStore(folders: context.folders).programPath(app))
        let services = try #require(SupervisordServices(ifChosenIn: context))
        let seen = try #require(services.status(of: app))
        #expect(seen.state == .unknown && seen.problem?.contains(reason) == true, "\(seen)")
        #expect(services.outage() != nil || reason.contains("not supervisord's"))
        let definition = ServiceDefinition(
            app: app, command: ["/bin/true"], context: .init(release: "1", directory: root, logFolder: root))
        services.launch([definition], now: true)
        let started = try #require(services.settle(app))
        #expect(started.state == .unknown)
        services.remove(app)
        #expect(FileTree.exists(ReleaseStore(folders: context.folders).programPath(app)))
    }
}
