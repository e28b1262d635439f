import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Signals that other daemons take: go-graphite/carbon-clickhouse#9, labwc/labwc#1700.
@Suite("Reports of other programs: signals that nobody meant for gwe") struct StraySignalTests {
    @Test("they do not end the daemon, and apps have them as usual")
    func stray() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let body = "grep -E 'SigIgn|SigBlk' /proc/self/status >\"$GWE_DATA_DIR/signals\"; exec sleep 1000"
        try gateway.services([.quickService("web", "1", extra: ["bin/run": .script(body)])])
        try gateway.withDaemon { daemon in
            let file = gateway.stateFolder + "/data/web/signals"
            try gateway.eventually("the app runs") { gateway.read(file)?.split(separator: "\n").count == 2 }
            for line in (gateway.read(file) ?? "").split(separator: "\n") {
                // Those above 31 are the C library's own.
                let signals = line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
                #expect(signals.map { $0 & 0x7FFF_FFFF } == 0, "\(line)")
            }
            let pid = try #require(try gateway.pid(of: "web"))
            for signal in [SIGPWR, SIGIO, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGUSR2] { daemon.send(signal) }
            try gateway.eventually("it tells") {
                !daemon.isRunning || (daemon.out + daemon.err).contains("SIGUSR2 does nothing")
            }
            #expect(daemon.isRunning)
            #expect(try gateway.pid(of: "web") == pid)
        }
    }
}
