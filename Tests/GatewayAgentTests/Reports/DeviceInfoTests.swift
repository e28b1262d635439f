import Documents
import Foundation
@testable import GatewayAgent
import GatewaySystem
import TestSupport
import Testing
import Wire

@Suite struct DeviceInfoTests {
    /// What a program prints, with the C locale's words.
    private func output(_ program: String, _ arguments: String...) throws -> String {
        try TestProcess.run("/usr/bin/env", ["LC_ALL=C", program] + arguments).out
    }

    private func cells(_ text: String) -> [[Substring]] {
        text.split(separator: "\n").map { $0.split(separator: " ") }
    }

    @Test("df has the rows of df(1)")
    func df() throws {
        let ours = cells(DeviceInfo.collect(agentVersion: "1").df)
        let theirs = cells(try output("df", "-k", "-l"))
        #expect(ours[0] == theirs[0])
        // Device, size and mount point; what is used moves while other tests run.
        func still(_ rows: [[Substring]]) -> Set<[Substring]> {
            Set(rows.dropFirst().filter { !$0[0].hasPrefix("tmpfs") }.map { [$0[0], $0[1], $0[$0.count - 1]] })
        }
        #expect(still(ours) == still(theirs))
        #expect(!still(ours).isEmpty)
    }

    @Test("free has the form of free(1) and the kernel's total")
    func free() throws {
        let text = DeviceInfo.collect(agentVersion: "1").free
        let theirs = try output("free")
        #expect(text.split(separator: "\n")[0] == theirs.split(separator: "\n")[0])
        #expect(cells(text).map(\.first) == cells(theirs).map(\.first))
        #expect(cells(text)[1][1] == cells(theirs)[1][1])
        #expect(text.split(separator: "\n")[1].count == theirs.split(separator: "\n")[1].count)
    }

    @Test("uname is the line of uname -a, and date has the form of date(1)")
    func unameAndDate() throws {
        let info = DeviceInfo.collect(agentVersion: "1").json
        #expect(info["uname"]?.string == (try output("uname", "-a")).split(separator: "\n").first.map(String.init))
        let date = try #require(info["date"]?.string)
        #expect(date.wholeMatch(of: /\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \S+ \d{4}/) != nil, "\(date)")
    }

    @Test("ipaddrs maps every interface but loopback to its addresses")
    func addresses() throws {
        let info = DeviceInfo.collect(agentVersion: "1").json
        let members = try #require(info["ipaddrs"]?.members)
        let names = try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net").filter { $0 != "lo" }
        #expect(Set(members.map(\.0)) == Set(names))
        for (name, list) in members {
            let expected = try output("ip", "-o", "-4", "addr", "show", "dev", name)
            for address in list.elements ?? [] where address.string?.contains(":") == false {
                #expect(expected.isEmpty || expected.contains(" \(address.string ?? "?")/"))
            }
        }
    }

    @Test("the additions are there, and the text survives a JSON reader")
    func additions() throws {
        let info = DeviceInfo.collect(agentVersion: "2.0.1").json
        #expect(info["agent"]?.string == "2.0.1")
        #expect(info["boot_id"]?.string?.count == 36)
        #expect((info["uptime"]?.int ?? 0) > 0)
        #expect(info["load"]?.elements?.count == 3)
        #expect(try JSON.parse(Array(info.text().utf8), source: "device_info").json["df"] == info["df"])
    }

    private var example: DeviceInfo {
        var info = DeviceInfo()
        info.name.node = "gateway"
        info.fileSystems = [
            .init(device: "/dev/root", mountPoint: "/", type: "ext4", total: 100_000, used: 20_000, available: 75_000),
            .init(device: "my disk", mountPoint: "/media/my disk", type: "vfat", total: 1_000, available: 1_000),
        ]
        var memory = KernelInfo.Memory()
        memory.total = 64_000
        memory.available = 40_000
        info.memory = memory
        info.interfaces = [.init(name: "eth0", isLoopback: false, addresses: ["10.0.0.2"])]
        info.agentVersion = "1"
        return info
    }

    @Test("the tables are laid out as people know them")
    func layout() {
        #expect(
            example.report.df == """
                Filesystem     1K-blocks  Used Available Use% Mounted on
                /dev/root         100000 20000     75000  22% /
                my disk             1000     0      1000   0% /media/my disk
                """)
        #expect(
            example.report.free == """
                               total        used        free      shared  buff/cache   available
                Mem:           64000       24000           0           0           0       40000
                Swap:              0           0           0
                """)
    }

    @Test("time, load and 5 % of a disk or of memory are no change worth sending; more is")
    func significance() {
        let old = example.report
        func changes(_ edit: (inout DeviceInfo) -> Void) -> Bool {
            var info = example
            edit(&info)
            return DeviceInfo.isSignificantChange(from: old, to: info.report)
        }
        #expect(DeviceInfo.isSignificantChange(from: nil, to: old))
        #expect(!changes { _ in })
        #expect(!changes { $0.date = "later" })
        #expect(!changes { $0.uptime = .seconds(9) })
        #expect(!changes { $0.loadAverages = [3] })
        #expect(!changes { $0.fileSystems[0].used += 5_000 })
        #expect(changes { $0.fileSystems[0].used += 5_001 })
        #expect(changes { $0.fileSystems[1].used = 51 })
        #expect(changes { $0.fileSystems.removeLast() })
        #expect(!changes { $0.memory?.available -= 3_200 })
        #expect(changes { $0.memory?.available -= 3_201 })
        #expect(changes { $0.memory = nil })
        #expect(changes { $0.name.release = "7.0" })
        #expect(changes { $0.interfaces[0].addresses = [] })
        #expect(changes { $0.agentVersion = "2" })
    }

    @Test("a mount point's escaped characters are read, and a later mount hides an earlier one")
    func mounts() {
        let text = "a / ext4 rw 0 0\nb /my\\040disk\\134x vfat rw 0 0\nc / tmpfs rw 0 0\nbad\n"
        let mounts = KernelInfo.mounts(in: text)
        #expect(mounts.map(\.device) == ["b", "c"])
        #expect(mounts.first?.mountPoint == "/my disk\\x")
    }

    @Test("thermal zones are read from sysfs, and one that fails is left out")
    func temperatures() throws {
        let scratch = TemporaryFolder()
        defer { withExtendedLifetime(scratch) {} }
        let folder = URL(fileURLWithPath: scratch.path)
        for (zone, type, degrees) in [("thermal_zone0", "cpu", "48250"), ("thermal_zone1", "cpu", "50000")] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: zone), withIntermediateDirectories: true)
            try Data("\(type)\n".utf8).write(to: folder.appending(path: zone + "/type"))
            try Data("\(degrees)\n".utf8).write(to: folder.appending(path: zone + "/temp"))
        }
        try FileManager.default.createDirectory(
            at: folder.appending(path: "thermal_zone2"), withIntermediateDirectories: true)
        #expect(KernelInfo.temperatures(folder: folder.path) == ["cpu": 48.25, "thermal_zone1": 50])
    }
}
