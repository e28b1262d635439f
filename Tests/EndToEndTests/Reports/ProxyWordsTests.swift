import Documents
import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Reports of other programs: words for the way to a server") struct ProxyWordsTests {
    @Test("a proxy that is not there is named as one, with who names it")
    func proxy() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let port = try ReservedPort()
        try gateway.manifest(
            "schema: gwe/v1\napps: {web: {version: \"1\", artifact: {url: \"https://packages.invalid/web.v1.tar.gz\"}}}\n"
        )
        let ran = try gateway.gwe("reconcile", environment: ["https_proxy": "http://127.0.0.1:\(port.number)"])
        #expect(ran.code == 69, "\(ran)")
        #expect((ran.out + ran.err).contains("the proxy that https_proxy names"), "\(ran)")
    }

    @Test("a port that cannot be is told when it is set")
    func port() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let ran = try gateway.gwe("config", "set", "cloud", "http://127.0.0.1:99999")
        #expect(ran.code == 65 || ran.code == 64 || ran.code == 78, "\(ran)")
        #expect(ran.err.contains("1 to 65535"), "\(ran)")
    }
}
