import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// A key that stands twice: redhat-performance/tuned#484, openSUSE/osc#1572.
@Suite("Reports of other programs: a key that stands twice") struct TwiceKeyTests {
    @Test(
        "package check says which line has no effect",
        arguments: [
            "[supervisord]\ncommand=bin/other\nstartsecs=0\ncommand=bin/run\n",
            "[supervisord]\ncommand=bin/other\n[supervisord]\ncommand=bin/run\n",
        ])
    func noted(_ conf: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let package = TestPackage.quickService("web", "1", extra: ["supervisor.conf": .init(conf)])
        let path = "\(gateway.root)/\(package.fileName)"
        try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
        let ran = try gateway.gwe("package", "check", path)
        #expect(ran.code == 0, "\(ran)")
        #expect(
            (ran.out + ran.err).contains("supervisor.conf:4:1: command: it stands twice: line 2 has no effect"),
            "\(ran)")
    }
}
