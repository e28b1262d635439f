import Documents
import Foundation
import Glibc
import TestSupport
import Testing

/// A slip in gateway.yaml stops nothing that runs, is said wherever somebody looks, and can be mended with gwe itself.
@Suite("a gateway.yaml that is wrong") struct BrokenConfigurationTests {
    private static let good = "schema: gwe/v1\nidentity: x  # who we are\nlog_level: info\n"

    private func gateway(_ body: (GatewayFixture, String) throws -> Void) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let file = gateway.configFolder + "/gateway.yaml"
        try gateway.write(Self.good, to: file)
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
        }
        try body(gateway, file)
    }

    @Test("an unknown key is a warning of a running gateway, and an error of config; gwe takes it away")
    func unknownKey() throws {
        try gateway { gateway, file in
            try gateway.write(Self.good + "prodcut: x\n", to: file)
            let words = "\(file):4:1: unknown key \"prodcut\"; did you mean \"product\"?"
            try gateway.withDaemon { (daemon) throws in
                try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
                #expect(daemon.err.contains(words), "\(daemon.err)")
                let status = try gateway.gwe("status")
                #expect(status.code == 0 && status.out.contains(words), "\(status)")
                let doctor = try gateway.gwe("doctor", "config")
                #expect(doctor.code == 0 && doctor.out.contains("unknown key \"prodcut\""), "\(doctor)")
                for arguments in [["stop", "web"], ["start", "web"], ["logs", "web"], ["reconcile"], ["history"]] {
                    let ran = try gateway.start(arguments).wait()
                    #expect(ran.code == 0, "\(ran)")
                }
                let show = try gateway.gwe("config", "show")
                #expect(show.code == 78 && show.err.contains(words), "\(show)")
                // A neighbour's fault is no reason to refuse another key.
                let set = try gateway.gwe("config", "set", "log_level", "debug")
                #expect(set.code == 0 && set.err.contains("warning: \(words)"), "\(set)")
                let unset = try gateway.gwe("config", "unset", "prodcut")
                #expect(unset.code == 0 && unset.err.isEmpty, "\(unset)")
                #expect(gateway.read(file) == Self.good.replacingOccurrences(of: "info", with: "debug"))
                #expect(try gateway.gwe("config", "unset", "prodcut").code == 64)
            }
        }
    }

    @Test(
        "with a bad value, or no YAML at all, the last good configuration stays in force, also across restarts",
        arguments: [
            "schema: gwe/v1\nidentity: x\nlog_level: loud\n", "schema: gwe/v1\nidentity: [x\n",
            "identity: x\nidentity: y\n", "<<<<<<< HEAD\nidentity: x\n", "", "\u{0}\u{0}\u{0}\u{0}",
            "identity: x\n\tproduct: y\n",
            "client_cert: /a.pem\n",
        ])
    func refused(text: String) throws {
        try gateway { gateway, file in
            try gateway.withDaemon { (daemon) throws in
                try gateway.eventually("web runs") { try gateway.status().code == 0 }
                try gateway.write(text, to: file)
                daemon.send(SIGHUP)
                try gateway.eventually("it says so") {
                    daemon.err.contains("the last good configuration stays in force")
                }
            }
            try gateway.withDaemon { (daemon) throws in
                try gateway.eventually("web runs") { try gateway.pid(of: "web") != nil }
                #expect(daemon.err.contains("the last good configuration stays in force"), "\(daemon.err)")
                let status = try gateway.gwe("status")
                #expect(
                    status.code == 1 && status.out.contains("the last good configuration stays in force"), "\(status)")
                let doctor = try gateway.gwe("doctor", "config")
                #expect(doctor.code == 1 && doctor.out.contains(file), "\(doctor)")
                for arguments in [["stop", "web"], ["start", "web"], ["logs", "web"], ["reconcile"]] {
                    let ran = try gateway.start(arguments).wait()
                    #expect(ran.code == 0, "\(ran)")
                }
                #expect(try gateway.gwe("report", "--print").out.contains("engine_report"))
            }
            let pass = try gateway.gwe("reconcile")
            #expect(pass.code == 0 && pass.err.contains("the last good configuration stays in force"), "\(pass)")
        }
    }

    @Test("config set mends the very value that is wrong")
    func mended() throws {
        try gateway { gateway, file in
            try gateway.write("schema: gwe/v1\nidentity: x\nlog_level: loud\nproxy: ftp://nowhere\n", to: file)
            let set = try gateway.gwe("config", "set", "log_level", "info")
            #expect(set.code == 0, "\(set)")
            #expect(set.err.contains("proxy"), "\(set)")
            let unset = try gateway.gwe("config", "unset", "proxy")
            #expect(unset.code == 0 && unset.err.isEmpty, "\(unset)")
            #expect(gateway.read(file) == "schema: gwe/v1\nidentity: x\nlog_level: info\n")
        }
    }

    @Test(
        "the copy of the last good configuration is for gwe alone, and a changed file that is good replaces it at SIGHUP"
    )
    func copy() throws {
        try gateway { gateway, file in
            let copy = gateway.stateFolder + "/gateway.last-good.yaml"
            var status = stat()
            try #require(stat(copy, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            try gateway.withDaemon { (daemon) throws in
                try gateway.write("schema: gwe/v1\nidentity: z\n", to: file)
                daemon.send(SIGHUP)
                try gateway.eventually("it says that the file has changed") {
                    daemon.err.contains("gateway.yaml has changed")
                }
                #expect(gateway.read(copy)?.contains("identity: z") == true)
            }
        }
    }

    @Test("without a last good configuration the daemon ends with 78; what talks to nobody goes on")
    func nothingGood() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write("identity: [x\n", to: gateway.configFolder + "/gateway.yaml")
        try gateway.services([.quickService("web", "1")])
        for arguments in [["run"], ["reconcile"], ["report"]] {
            let ran = try gateway.start(arguments).wait()
            #expect(ran.code == 78, "\(ran)")
        }
        let status = try gateway.gwe("status")
        #expect(status.code != 78 && status.out.contains("gateway.yaml"), "\(status)")
        #expect(try gateway.gwe("history").code == 0)
    }
}
