import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// The token is in the token file and in what was asked to hold it, and nowhere else: not in logs, in the journal, in a
/// command line, in an app's environment, in anything that is printed.
@Suite("Secrets")
struct SecretTests {
    /// Every regular file below a folder that holds the text.
    private func files(in folder: String, holding text: String) -> Set<String> {
        var found: Set<String> = []
        let needle = Data(text.utf8)
        let below = FileManager.default.enumerator(atPath: folder)
        while let path = below?.nextObject() as? String {
            guard let bytes = FileManager.default.contents(atPath: "\(folder)/\(path)") else { continue }
            if bytes.range(of: needle) != nil { found.insert(path) }
        }
        return found
    }

    /// Command lines and environments of every process on this machine that hold the text.
    private func processes(holding text: String) -> [String] {
        let needle = Data(text.utf8)
        var found: [String] = []
        for pid in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int(pid) != nil {
            for file in ["cmdline", "environ"] {
                guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/\(file)") else { continue }
                if bytes.range(of: needle) != nil { found.append("/proc/\(pid)/\(file)") }
            }
        }
        return found
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test("a whole life with failures leaves the token in its own files alone, and these are closed")
    func wholeLife() throws {
        let gateway = try GatewayFixture()
        let config = try #require(gateway.read(gateway.configFolder + "/gateway.yaml"))
        try gateway.write(
            config + "log_level: debug\nexport_gateway_cfg: true\n", to: gateway.configFolder + "/gateway.yaml")
        // The app shows what it was given.
        try gateway.upload(
            .service(
                "web", "1",
                extra: [
                    "supervisor.conf": .init("[supervisord]\ncommand=bin/run\n"),
                    "bin/run": .script("env; exec sleep 1000"),
                ]))
        try gateway.command(#"{"install":[{"name":"web.v1.tar.gz"}]}"#)
        let daemon = try gateway.startDaemon()
        // Before its first pass, a gateway without wishes is in order too.
        #expect(try eventually { try gateway.current("web") != nil && gateway.gwe("status").code == 0 })
        let first = try #require(try gateway.sandbox.token(of: gateway.id))
        #expect(processes(holding: first).isEmpty, "\(processes(holding: first))")

        var ran: [Ran] = []
        func cycle() throws {
            for arguments in [["reconcile"], ["reconcile", "--json"], ["reconcile", "--dry-run", "--json"]] {
                ran.append(try gateway.start(arguments).wait())
            }
            for arguments in [
                ["status", "--json"], ["history", "--json"], ["doctor", "--json"], ["config", "show"],
            ] {
                ran.append(try gateway.start(arguments).wait())
            }
        }
        let faults: [Fault.Kind] = [
            .answer(status: 401, retryAfter: nil), .answer(status: 503, retryAfter: 1), .captivePortal, .garbage,
        ]
        for fault in faults {
            gateway.sandbox.addFault(Fault(fault))
            ran.append(try gateway.start(["reconcile"]).wait())
            gateway.sandbox.clearFaults()
        }
        try cycle()
        // A renewed token too: the device is deleted and added again.
        try gateway.sandbox.deleteDevice(gateway.id)
        ran.append(try gateway.gwe("activate"))
        try gateway.sandbox.addDevice(gateway.id)
        try cycle()
        ran.append(try gateway.gwe("activate"))
        let second = try #require(try gateway.sandbox.token(of: gateway.id))
        #expect(first != second)

        // gdc with the same cloud, its own token, and a failure.
        try gateway.sandbox.addDevice("thing-1")
        let link = gateway.root + "/gdc"
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: Repository.products + "/gwe")
        func gdc(_ arguments: String...) throws -> Ran {
            let process = try TestProcess(
                link, arguments, environment: gateway.variables, scratch: gateway.root + "/scratch")
            return process.wait()
        }
        let ini = gateway.root + "/thing.ini"
        try gateway.write("[device]\n", to: ini)
        ran.append(try gdc("write", first, "a", "1"))
        let printed = ran.filter { !$0.arguments.contains(first) }
        daemon.send(SIGTERM)
        ran.append(daemon.wait())

        for token in [first, second] {
            for one in printed + ran.suffix(1) {
                #expect(!one.out.contains(token) && !one.err.contains(token), "\(one.arguments) prints a token")
            }
            let state = files(in: gateway.stateFolder, holding: token)
            #expect(state.isSubset(of: ["token", "token.previous", "Gateway.cfg"]), "\(state)")
            #expect(files(in: gateway.logFolder, holding: token).isEmpty)
            #expect(files(in: gateway.configFolder, holding: token).isEmpty)
            #expect(processes(holding: token).isEmpty)
        }
        #expect(files(in: gateway.stateFolder, holding: second).isSuperset(of: ["token", "Gateway.cfg"]))
        for name in ["token", "token.previous", "token.sha256", "Gateway.cfg"] {
            let path = gateway.stateFolder + "/" + name
            if FileTree.exists(path) { #expect(mode(path) == 0o600, "\(name)") }
        }
        // The app ran, so that its log and environment were worth looking at.
        #expect(gateway.read(gateway.logFolder + "/web.log")?.contains("GWE_APP=web") == true)
    }

    @Test("a token file with the usual umask is closed by the next pass, and its group keeps what it may")
    func tightened() throws {
        let gateway = try GatewayFixture()
        #expect(try gateway.gwe("activate").code == 0)
        let token = gateway.stateFolder + "/token"
        chmod(token, 0o644)
        #expect(try gateway.gwe("doctor", "permissions").code == 1)
        _ = try gateway.gwe("reconcile")
        #expect(mode(token) == 0o640)
        #expect(try gateway.gwe("doctor", "permissions").code == 0)
    }
}
