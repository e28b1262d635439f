import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A daemon that hangs, or is only quiet, and those who wait for it.
@Suite("a daemon that does not answer, and one that is busy") struct SilentDaemonTests {
    @Test("every command names a daemon that hangs, with its pid, and none takes it for one that is not there")
    func hung() throws {
        let gateway = try GatewayFixture()
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            daemon.send(SIGSTOP)
            defer { daemon.send(SIGCONT) }
            try gateway.eventually("it is stopped") { ProcessFacts.isStopped(daemon.pid) }
            let words =
                "the daemon (pid \(daemon.pid)) does not answer: it was stopped; 'kill -CONT \(daemon.pid)' lets it go on"
            let refused: [[String]] = [
                ["reconcile"], ["stop", "web"], ["start", "web"], ["restart", "web"], ["hold", "web"],
                ["unhold", "web"],
                ["report"], ["report", "--print"], ["remove", "web"], ["install", gateway.root + "/web.v1.tar.gz"],
            ]
            let shown: [[String]] = [
                ["status"], ["status", "web"], ["logs", "web"], ["history"], ["reconcile", "--dry-run"],
            ]
            let started = try (refused + shown).map { ($0, try gateway.start($0)) }
            let doctor = try gateway.start(["doctor", "daemon"])
            for (arguments, process) in started {
                let ran = process.wait()
                #expect((ran.out + ran.err).contains(words), "\(ran)")
                #expect(!ran.err.contains("no daemon is running"), "\(ran)")
                if refused.contains(arguments) { #expect(ran.code == 75, "\(ran)") }
            }
            let found = doctor.wait()
            #expect(found.code == 1 && found.out.contains("(pid \(daemon.pid)) does not answer"), "\(found)")
            daemon.send(SIGCONT)
            #expect(try gateway.gwe("doctor", "daemon").out.contains("pid \(daemon.pid)"))
            #expect(try gateway.status().code == 0)
        }
    }

    @Test("a daemon that hangs in the middle of a call is named too")
    func hungInCall() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let installer = "touch \"$GWE_DATA_DIR/begun\"; while [ ! -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.05; done"
        try gateway.withDaemon { (daemon) throws in
            try gateway.services([.quickService("slow", "1", extra: ["install.sh": .script(installer)])])
            let pass = try gateway.start(["reconcile"])
            let data = gateway.stateFolder + "/data/slow"
            try gateway.eventually("the installer runs") { FileTree.exists(data + "/begun") }
            daemon.send(SIGSTOP)
            let ran = pass.wait()
            daemon.send(SIGCONT)
            #expect(ran.code == 75, "\(ran)")
            #expect(ran.err.contains("the daemon (pid \(daemon.pid)) does not answer"), "\(ran)")
            try gateway.write("", to: data + "/go")
        }
    }

    @Test("who waits for a quiet pass is told for what, and the socket carries a sign of life")
    func quiet() throws {
        // The cloud's command waits for a pass that somebody asks for; a changed manifest would begin one by itself.
        let gateway = try GatewayFixture()
        let installer = "touch \"$GWE_DATA_DIR/begun\"; while [ ! -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.05; done"
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("the first pass is over") { try gateway.gwe("reconcile").code == 0 }
            try gateway.upload(.quickService("slow", "1", extra: ["install.sh": .script(installer)]))
            try gateway.command(#"{"install":[{"name":"slow.v1.tar.gz"}]}"#)
            let data = gateway.stateFolder + "/data/slow"
            let first = try gateway.start(["reconcile"])
            try gateway.eventually("the installer runs") { FileTree.exists(data + "/begun") }
            let second = try gateway.start(["reconcile"])
            let raw = try TestProcess(
                "/usr/bin/env",
                ["curl", "-sSN", "--unix-socket", gateway.socketFile, "-d", "", "http://gwe/v1/reconcile"])
            try gateway.eventually("the first tells what it waits for") {
                first.err.contains("gwe: waiting for slow: install, in the pass of process \(daemon.pid)\n")
            }
            try gateway.eventually("the second tells that it waits") {
                second.err.contains("gwe: waiting for the pass of process \(daemon.pid) that is under way")
            }
            // A line, and then a space that belongs to the next one.
            try gateway.eventually("a sign of life comes") { raw.out.contains("\n ") }
            try gateway.write("", to: data + "/go")
            for pass in [first, second] {
                let ran = pass.wait()
                #expect(ran.code == 0, "\(ran)")
            }
            let lines = raw.wait().out.split(separator: "\n")
            for line in lines { #expect((try? JSON.parse(Array(line.utf8), source: "line")) != nil, "\(line)") }
            #expect(lines.last?.contains("\"result\"") == true)
        }
    }

    @Test("a cloud that does not answer is named while it is waited for")
    func silentCloud() throws {
        let silent = try SilentServer()
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.write(
            "schema: gwe/v1\nproduct: \(GatewayFixture.product)\ncloud: http://127.0.0.1:\(silent.port)\nidentity: x\n",
            to: gateway.configFolder + "/gateway.yaml")
        try gateway.write(String(repeating: "a", count: 40) + "\n", to: gateway.stateFolder + "/token")
        let pass = try gateway.start(["reconcile"])
        let words = "gwe: waiting for the cloud (http://127.0.0.1:\(silent.port))\n"
        try gateway.eventually("it says so") { pass.err.contains(words) }
        pass.kill()
    }

    @Test("64 idle connections, and requests that never end, lock nobody out")
    func idleConnections() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
            let script = """
                import socket, sys, time
                held = []
                for number in range(100):
                    s = socket.socket(socket.AF_UNIX)
                    s.connect(sys.argv[1])
                    if number % 2: s.sendall(b'GET /v1/status HTTP/1.1\\r\\nHost: ')
                    held.append(s)
                print('held', flush=True)
                time.sleep(1000)
                """
            let idle = try TestProcess("/usr/bin/env", ["python3", "-c", script, gateway.socketFile])
            defer { idle.kill() }
            try gateway.eventually("they are connected") { idle.out == "held\n" }
            for _ in 0..<5 {
                let ran = try gateway.gwe("status")
                #expect(ran.code == 0 && ran.err.isEmpty, "\(ran)")
            }
        }
    }
}

/// Accepts connections and says nothing.
private final class SilentServer {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        (descriptor, port) = try Loopback.listen()
    }

    deinit { close(descriptor) }
}
