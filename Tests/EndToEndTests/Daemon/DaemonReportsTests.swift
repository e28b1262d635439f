import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Reports of other daemons, tried on this one.
@Suite("public reports of other daemons") struct DaemonReportsTests {
    @Test("qTox/qTox#5522: the pid in a lock that nobody holds belongs to another process by now")
    func reusedPid() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        #expect(try gateway.gwe("reconcile").code == 0)
        let boot = FileSystemInfo.bootIdentifier
        try gateway.write("\(getpid())\n\(boot)\nrun\n2026-01-01T00:00:00Z\n", to: gateway.stateFolder + "/lock")
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
        #expect(try StateLock.probe(gateway.stateFolder) == nil)
    }

    @Test("wazuh/wazuh#31462: a start that was cut short leaves nothing that keeps the next from starting")
    func interruptedStart() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        for _ in 0..<3 {
            let daemon = try gateway.start(["run"])
            try gateway.eventually("it has the lock") {
                (try? StateLock.probe(gateway.stateFolder))?.processIdentifier == daemon.pid
            }
            daemon.kill()
        }
        defer { gateway.killApps() }
        try gateway.withDaemon { (_) throws in
            try gateway.eventually("web runs") { try gateway.status().code == 0 }
        }
    }

    @Test("floatpane/matcha#754: a stopped daemon whose queue of connections is full")
    func fullQueue() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.manifest("schema: gwe/v1\napps: {}\n")
        try gateway.withDaemon { (daemon) throws in
            daemon.send(SIGSTOP)
            defer { daemon.send(SIGCONT) }
            try gateway.eventually("it is stopped") { ProcessFacts.isStopped(daemon.pid) }
            let script = """
                import socket, sys, time
                held = []
                while True:
                    s = socket.socket(socket.AF_UNIX)
                    s.setblocking(False)
                    try: s.connect(sys.argv[1])
                    except BlockingIOError: break
                    held.append(s)
                print('full', flush=True)
                time.sleep(1000)
                """
            let crowd = try TestProcess("/usr/bin/env", ["python3", "-c", script, gateway.socketFile])
            defer { crowd.kill() }
            try gateway.eventually("no connection is taken any more") { crowd.out == "full\n" }
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 75, "\(ran)")
            #expect(ran.err.contains("the daemon (pid \(daemon.pid)) does not answer"), "\(ran)")
        }
    }

    @Test("akka/akka-http#1340: a stream that is quiet for longer than the server's idle time goes on")
    func quietStream() throws {
        let folder = TemporaryFolder()
        var configuration = LocalHTTPServer.Configuration(address: .unix(path: folder("socket"), mode: 0o600))
        (configuration.idleSeconds, configuration.answerSeconds) = (1, 2)
        let pieces = Monitor(0)
        let server = try LocalHTTPServer(configuration) { _ in
            HTTPServerResponse(
                status: 200,
                body: .stream {
                    // A space each second, four times the server's patience; then the line.
                    let number = pieces.update { count in
                        count += 1
                        return count
                    }
                    if number > 9 { return nil }
                    usleep(1_000_000)
                    return number == 9 ? Array("{}\n".utf8) : [UInt8(ascii: " ")]
                })
        }
        defer { server.stop() }
        let ran = try TestProcess.run(
            "/usr/bin/env", ["curl", "-sSN", "--unix-socket", folder("socket"), "http://gwe/"])
        #expect(ran.code == 0 && ran.out == "        {}\n", "\(ran)")
    }
}
