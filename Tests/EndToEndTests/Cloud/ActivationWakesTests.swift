import Documents
import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// A daemon that waits for hours, because the cloud does not want its gateway, asks at once when a person has mended that.
@Suite("Activation wakes the daemon") struct ActivationWakesTests {
    private func install(_ name: String) -> String { "{\"install\":[{\"name\":\"\(name)\"}]}" }

    @Test("gwe activate: the device was added, then deleted and added again")
    func activate() throws {
        let gateway = try GatewayFixture(isRegistered: false)
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("the cloud does not know it") { daemon.err.contains("no such device") }
            try gateway.sandbox.addDevice(gateway.id)
            try gateway.command(install("tool.v1.tar.gz"))
            let ran = try gateway.gwe("activate")
            #expect(ran.code == 0 && ran.out == "activated as \(gateway.id)\n", "\(ran)")
            try gateway.eventually("1 is installed") { gateway.current("tool") != nil }

            // The token that is here is refused now.
            try gateway.sandbox.deleteDevice(gateway.id)
            try gateway.eventually("the daemon has learnt it") {
                try gateway.gwe("reconcile").err.contains("no such device")
            }
            try gateway.sandbox.addDevice(gateway.id)
            try gateway.command(install("tool.v1.tar.gz"))
            let again = try gateway.gwe("activate")
            #expect(again.code == 0 && again.out.contains(", and refused since "), "\(again)")
            #expect(again.out.hasSuffix("; it is tried again now\n"), "\(again)")
            try gateway.eventually("the command is taken") { try gateway.resource("engine_fetch") == "" }
        }
    }

    @Test("without a daemon too, nothing is refused any more once the token is there")
    func withoutDaemon() throws {
        let gateway = try GatewayFixture(isRegistered: false)
        let refused = try gateway.gwe("reconcile")
        #expect(refused.err.contains("no such device"), "\(refused)")
        try gateway.sandbox.addDevice(gateway.id)
        #expect(try gateway.gwe("activate").out == "activated as \(gateway.id)\n")
        let again = try gateway.gwe("activate")
        #expect(again.code == 0 && again.out == "already activated as \(gateway.id)\n", "\(again)")
        #expect(try gateway.gwe("status").out.contains("no such device") == false)
    }

    @Test("gwe config set token: the cloud has given its token out before")
    func token() throws {
        let gateway = try GatewayFixture()
        let token = try Self.activated(gateway)
        try gateway.upload(.oneOff("tool", "1"))
        try gateway.command(install("tool.v1.tar.gz"))
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("the cloud has given it out") { daemon.err.contains("activated already") }
            let ran = try gateway.gwe("config", "set", "--allow-token-argument", "token", token)
            #expect(ran.code == 0, "\(ran)")
            try gateway.eventually("1 is installed") { gateway.current("tool") != nil }
        }
    }

    /// Activates the device elsewhere.
    private static func activated(_ gateway: GatewayFixture) throws -> String {
        #expect(try gateway.gwe("activate").code == 0)
        let token = try #require(try gateway.sandbox.token(of: gateway.id))
        #expect(try gateway.gwe("config", "unset", "token").code == 0)
        return token
    }
}
