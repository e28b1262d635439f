import Documents
import TestSupport
import Testing

/// What cannot be configured is found before anything is interrupted.
@Suite("A package that cannot be configured") struct ConfigurationFailureTests {
    @Test("an upgrade whose supervisor.conf is wrong interrupts nothing, and is good after a new upload")
    func upgrade() throws {
        let gateway = try GatewayFixture()
        try gateway.withDaemon { (daemon) throws in
            try gateway.upload(.quickService("web", "1"))
            try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
            #expect(try gateway.gwe("reconcile").code == 0)
            let folder = gateway.current("web")
            let process = try gateway.pid(of: "web")
            #expect(process != nil)

            let wrong = "[supervisord]\ncommand=%(ENV_GWE_TEST_NOWHERE)s/run\n"
            try gateway.upload(.service("web", "2", extra: ["supervisor.conf": .init(wrong)]))
            try gateway.command(#"{"install":[{"name":"web.v2.tar.gz"}]}"#)
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 20, "\(pass)")
            #expect(pass.err.contains("the environment has no GWE_TEST_NOWHERE"), "\(pass)")
            #expect(gateway.current("web") == folder)
            #expect(try gateway.pid(of: "web") == process)
            #expect(try gateway.resource("fetch_status")?.contains("install_error") == true)

            try gateway.upload(.quickService("web", "2"))
            try gateway.command(#"{"install":[{"name":"web.v2.tar.gz"}]}"#)
            let second = try gateway.gwe("reconcile")
            #expect(second.code == 0, "\(second)")
            #expect(try gateway.row("web")["installed"]?.string == "2")
        }
    }
}
