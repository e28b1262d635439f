import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// Habits of other programs, and the words that they meet.
@Suite("Reports of other programs: words for habits") struct SmallWordsTests {
    @Test(
        "one process of an app, as supervisorctl takes it, is told what to name", arguments: ["status", "stop", "hold"])
    func process(_ command: String) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let ran = try gateway.gwe(command, "web:web_00")
        #expect(ran.code == 64, "\(ran)")
        #expect(
            ran.err.contains("'web:web_00' is one process of an app") && ran.err.contains("gwe status web"), "\(ran)")
    }

    @Test("an app without a log is not waited for")
    func noLog() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let conf = "[supervisord]\ncommand=bin/run\nstdout_logfile=NONE\n"
        try gateway.services([.quickService("web", "1", extra: ["supervisor.conf": .init(conf)])])
        #expect(try gateway.gwe("reconcile").code == 0)
        let ran = try gateway.gwe("logs", "web")
        #expect(ran.code == 66 && ran.err.contains("web has no log"), "\(ran)")
    }

    @Test("a slip in a command's key is one of a command")
    func slip() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = gateway.root + "/command.json"
        try gateway.write(#"{"Install": [{"name": "web.v1.tar.gz"}]}"#, to: path)
        let ran = try gateway.gwe("validate", path)
        #expect(ran.code == 65 && ran.err.contains("install") && !ran.err.contains("schema is missing"), "\(ran)")
    }

    @Test("a file that is too large is told with the limit")
    func tooLarge() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = gateway.root + "/large.yaml"
        try gateway.write(String(repeating: "#", count: 1 << 20) + "\n", to: path)
        let ran = try gateway.gwe("validate", path)
        #expect(ran.code == 66 && ran.err.contains("at most 1048576 bytes are taken"), "\(ran)")
    }
}
