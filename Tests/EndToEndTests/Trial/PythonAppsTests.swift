import MuranoSandbox
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// Python apps that were written for Gateway Engine, with the packages of `Packaging/python`.
@Suite("Python apps of Gateway Engine") struct PythonAppsTests {
    private func run(_ gateway: GatewayFixture, _ script: String) throws -> Ran {
        try TestProcess.run(
            "/usr/bin/python3", ["-c", script],
            environment: gateway.variables.merging([
                "PYTHONPATH": Repository.root + "/Packaging/python", "PYTHONDONTWRITEBYTECODE": "1",
                "GWE": Repository.products + "/gwe", "GDC": gateway.root + "/gdc",
            ]) { $1 })
    }

    private func gateway() throws -> GatewayFixture {
        let gateway = try GatewayFixture()
        try FileManager.default.createSymbolicLink(
            atPath: gateway.root + "/gdc", withDestinationPath: Repository.products + "/gwe")
        #expect(try gateway.gwe("activate").code == 0)
        return gateway
    }

    @Test("the vendor's example: the gateway's configuration, and values written as the gateway")
    func coffee() throws {
        let gateway = try gateway()
        let values = ["Full", "-5", "a&b=c +%20 \"'", "ä\n2", "-h", "-"]
        for (number, value) in values.enumerated() {
            let ran = try run(
                gateway,
                """
                from exo.device import Device
                from GatewayEngine.utils import gwe_conf
                D = Device('BestCoffeeCompany-V1', gwe_conf())
                answer = D.http_write('coffee\(number)', \(python(value)))
                print(answer)
                assert answer.success and answer.code == 204, answer.reason
                """)
            #expect(ran.code == 0 && ran.out == "Response code: 204, Response body: u'', success: True\n", "\(ran)")
            #expect(try gateway.resource("coffee\(number)") == value)
        }
    }

    @Test(
        "the token as GatewayEngine.utils gives it, with and without an exported Gateway.cfg; reads, records, failures")
    func calls() throws {
        let gateway = try gateway()
        try gateway.sandbox.write(gateway.id, "setpoint", "21.5")
        let ran = try run(
            gateway,
            """
            from GatewayEngine import utils
            from exo.device import Device
            assert len(utils.gwe_cik()) == 40 and utils.gwe_conf() == 'gwe', utils.gwe_conf()
            d = Device('x', utils.gwe_conf())
            read = d.http_read('setpoint')
            assert read.success and '21.5' in read.body, (read.code, read.body, read.reason)
            assert d.http_record('old', [[1500000000, 'a'], [1500000001, 'b']]).success
            assert not Device('x', '/nowhere/Gateway.cfg').http_read('setpoint').success
            """)
        #expect(ran.code == 0, "\(ran)")
        #expect(try gateway.gwe("config", "set", "export_gateway_cfg", "true").code == 0)
        try gateway.withDaemon { _ in
            let exported = try run(
                gateway,
                """
                from GatewayEngine import utils
                from exo.device import Device
                import os
                assert os.path.exists(utils.gwe_conf()), utils.gwe_conf()
                assert utils.gwe_cik() in open(utils.gwe_conf()).read()
                """)
            #expect(exported.code == 0, "\(exported)")
        }
    }

    private func python(_ text: String) -> String {
        "'" + text.unicodeScalars.map { "\\U" + String(format: "%08x", $0.value) }.joined() + "'"
    }
}
