import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `Examples/`: each app is built with the tests, packed as its README says, and run by a gateway.
@Suite("The examples")
struct ExampleTests {
    static let folder = Repository.root + "/Examples/load_reporter"

    @Test("an app in twenty lines writes a resource, from a package that gwe builds, installs and runs")
    func loadReporter() throws {
        let source = try String(contentsOfFile: Self.folder + "/main.swift", encoding: .utf8)
        #expect(source.split(separator: "\n", omittingEmptySubsequences: false).count <= 22)
        let gateway = try GatewayFixture()
        let files = FileManager.default
        let place = gateway.root + "/dist"
        try files.createDirectory(atPath: place + "/bin", withIntermediateDirectories: true)
        for name in ["app.yaml", "gwe-buildfile.json"] {
            try files.copyItem(atPath: Self.folder + "/" + name, toPath: place + "/" + name)
        }
        try files.copyItem(atPath: Repository.products + "/load_reporter", toPath: place + "/bin/load_reporter")
        let built = try gateway.gwe("package", "build", place + "/gwe-buildfile.json", "-o", place)
        #expect(built.code == 0, "\(built)")
        let package = place + "/load_reporter.v1.tar.gz"
        let checked = try gateway.gwe("package", "check", package)
        #expect(checked.code == 0, "\(checked)")
        try gateway.sandbox.uploadContent(
            "load_reporter.v1.tar.gz", Array(#require(files.contents(atPath: package))))
        try gateway.command(#"{"install":[{"name":"load_reporter.v1.tar.gz"}]}"#)

        let daemon = try gateway.startDaemon()
        #expect(
            try eventually { try gateway.sandbox.read(gateway.id, "load")?.reported != nil })
        let value = try #require(try gateway.sandbox.read(gateway.id, "load")?.reported)
        #expect(Double(value) != nil, "\(value)")
        let log = try gateway.gwe("logs", "load_reporter")
        #expect(log.out.contains("wrote \(value)"), "\(log)")
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test("what goes wrong is a line in its log, and no crash: no gateway.yaml, or patience of centuries")
    func trouble() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        func start() throws -> TestProcess {
            try TestProcess(
                "load_reporter", [], environment: gateway.variables, scratch: gateway.root + "/scratch")
        }
        let lost = try start()
        #expect(eventually { lost.out.contains("names no product") }, "\(lost.out)")
        let known = try GatewayFixture()
        #expect(try known.gwe("activate").code == 0)
        known.sandbox.addFault(Fault(.answer(status: 429, retryAfter: 99_999_999_999)))
        let busy = try TestProcess(
            "load_reporter", [], environment: known.variables, scratch: known.root + "/scratch")
        #expect(eventually { busy.out.contains("429") }, "\(busy.out)")
        for app in [lost, busy] {
            app.send(SIGTERM)
            #expect(app.wait().signal == SIGTERM)
        }
    }
}
