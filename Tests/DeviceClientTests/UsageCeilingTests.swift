@testable import DeviceClient
import Foundation
@testable import GatewayAgent
import GatewaySystem
import Glibc
import TestSupport
import Testing

@Suite("Counts of other users") struct UsageCeilingTests {
    private func record(_ interface: String, sent: Int64, received: Int64) -> UsageRecord {
        UsageRecord(
            interface: interface, identity: "dev", method: .read, resources: ["a"], sentByteCount: sent,
            receivedByteCount: received, sentWithHeaders: sent + 40, receivedWithHeaders: received + 40)
    }

    @Test("the kernel's table of interfaces is read as it stands, and this machine's has the loopback")
    func table() {
        let text = """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
                lo: 1000 5 0 0 0 0 0 0 1000 5 0 0 0 0 0 0
              ppp0:18446744073709551615 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
             short: 1 2 3
            """
        #expect(UsageCeiling.parse(text) == ["lo": 2_000, "ppp0": .max])
        #expect(UsageCeiling.readings()["lo"] != nil)
    }

    @Test("no more is admitted than an interface has moved since, and a little for the start")
    func moved() {
        let slack = UsageCeiling.slack
        var ceiling = UsageCeiling(["ppp0": 5_000])
        #expect(ceiling.admit(record("ppp0", sent: 100, received: 200)) == record("ppp0", sent: 100, received: 200))
        let forged = ceiling.admit(record("ppp0", sent: 1 << 40, received: 1 << 40))
        #expect(forged.sentWithHeaders == slack - 380 && forged.receivedWithHeaders == 0)
        #expect(forged.sentByteCount == slack - 380 && forged.receivedByteCount == 0)
        ceiling.advance(to: ["ppp0": 6_000])
        #expect(ceiling.admit(record("ppp0", sent: 0, received: 9_999)).receivedWithHeaders == 960)
        // A modem that went away and came back counts from 0, and an interface that came later too.
        ceiling.advance(to: ["ppp0": 700, "eth1": 300])
        #expect(ceiling.admit(record("ppp0", sent: 9_999, received: 0)).sentWithHeaders == 700)
        let late = ceiling.admit(record("eth1", sent: 1 << 40, received: 0))
        #expect(late.sentWithHeaders == slack + 300)
        // Headers that are forged to be less than the payload.
        var headless = record("ppp0", sent: 1 << 40, received: 0)
        headless.sentWithHeaders = 0
        #expect(ceiling.admit(headless).sentByteCount == 0)
    }

    @Test("an interface that does not exist counts as other, and its requests stay")
    func invented() {
        var ceiling = UsageCeiling(["ppp0": 0])
        let admitted = ceiling.admit(record("wwan99", sent: 100, received: 100))
        #expect(admitted.interface == UsageStore.other && admitted.count == 1 && admitted.sentWithHeaders == 0)
        #expect(ceiling.admit(record("", sent: 0, received: 0)).interface.isEmpty)
    }

    @Test("an unprivileged process can neither use up a budget nor push the real interface out")
    func socket() throws {
        let folder = TemporaryFolder()
        chmod(folder.path, 0o755)
        let collector = try UsageCollector(stateFolder: folder.path) { Issue.record("\($0)") }
        let most: Int64 = 1 << 40
        func text(_ interface: String) -> String {
            "[\"\(interface)\",\"d\",\"read\",[],1,\(most),\(most),\(most),\(most),1,\(most),\(most),1]"
        }
        let records = (["lo"] + (0..<40).map { "wwan-no-\($0)" }).map(text).joined(separator: ",")
        let program = """
            import socket, sys
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[1].encode(), sys.argv[2])
            """
        let ran = try TestProcess.run(
            "setpriv",
            [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c", program,
                "[\(records)]", folder("run/usage.sock"),
            ])
        #expect(ran.code == 0, "\(ran)")
        let meter = UsageMeter(stateFolder: folder.path)
        meter.count(record("ppp7", sent: 10, received: 20))
        meter.flush()
        collector.stop()
        let days = try #require(try UsageStore.openReadOnly(stateFolder: folder.path)?.days())
        #expect(Set(days.map(\.interface)) == ["lo", UsageStore.other, "ppp7"])
        #expect(days.reduce(0) { $0 + $1.count } == 42)
        #expect(days.first { $0.interface == "ppp7" }?.sentByteCount == 10, "root and gwe's own are believed")
        #expect(days.first { $0.interface == UsageStore.other }?.receivedWithHeaders == 0)
        let loopback = try #require(days.first { $0.interface == "lo" })
        #expect(loopback.sentWithHeaders + loopback.receivedWithHeaders < most)
    }

    @Test("metering believes a clock from this program's making until its horizon, and no other")
    func clock() {
        #expect(UsageClock.believed(UsageClock.builtAt - 1) == nil)
        #expect(UsageClock.believed(UsageClock.builtAt) == UsageClock.builtAt)
        #expect(UsageClock.believed(3_976_214_400) == nil, "2096")
        #expect(UsageClock.now() != nil)
    }

    @Test("sums of records and of totals stop at the largest number")
    func saturation() {
        var sum = record("eth0", sent: .max - 50, received: .max - 50)
        sum.count = .max
        sum.merge(sum)
        #expect(sum.sentByteCount > 1 << 40 && sum.count > 1 << 40)
        var total = UsageTotal(day: UsageDay(number: 1), interface: "", identity: "", sentByteCount: .max)
        total.add(total)
        #expect(total.sentByteCount == .max)
    }
}
