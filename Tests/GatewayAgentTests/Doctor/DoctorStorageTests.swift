import Foundation
import GatewayModel
@testable import GatewaySystem
import TestSupport
import Testing

@testable import GatewayAgent

/// The checks of storage, on real file systems that are full, out of inodes, read-only or in memory.
@Suite("gwe doctor and storage")
struct DoctorStorageTests {
    let bench: DoctorBench

    init() throws { bench = try DoctorBench() }

    /// Mounts a tmpfs over the state folder while `body` runs.
    private func withTmpfs(_ options: String, _ body: () throws -> Void) throws {
        let place = bench.folders.stateFolder
        try TestProcess.shell("mount -t tmpfs -o \(options) gwe-doctor '\(place)'")
        defer { _ = try? TestProcess.shell("umount '\(place)'") }
        try body()
    }

    @Test("disk: room passes, a full file system fails")
    func disk() throws {
        #expect(bench.finding("disk").verdict == .ok)
        try withTmpfs("size=4m") {
            #expect(bench.finding("disk").verdict == .ok)
            try Data(repeating: 1, count: 3_600_000).write(to: URL(fileURLWithPath: bench.folders.stateFolder + "/big"))
            let full = bench.finding("disk")
            #expect(full.verdict == .failed && full.text.contains("of 4 MiB free") && full.hint != nil, "\(full)")
        }
    }

    @Test("inodes: a file system without any left fails though it has room")
    func inodes() throws {
        #expect(bench.finding("inodes").verdict == .ok)
        try withTmpfs("size=4m,nr_inodes=24") {
            #expect(bench.finding("inodes").verdict == .failed)
            #expect(bench.finding("disk").verdict == .ok)
        }
        try withTmpfs("size=4m,nr_inodes=100") { #expect(bench.finding("inodes").verdict == .warning) }
    }

    @Test("read-only: a file system that is mounted so fails; nothing is tried there")
    func readOnly() throws {
        #expect(bench.finding("read-only").verdict == .ok)
        let place = bench.folders.stateFolder
        try TestProcess.shell("mount --bind '\(place)' '\(place)' && mount -o remount,ro,bind '\(place)'")
        defer { _ = try? TestProcess.shell("umount '\(place)'") }
        let found = bench.finding("read-only")
        #expect(found.verdict == .failed && found.text.contains("read-only file system"))
        #expect(bench.finding("fsync").verdict == .skipped)
    }

    @Test("fsync: the real file system is measured and left as it was; one in memory fails")
    func sync() throws {
        let place = bench.folders.stateFolder
        let found = bench.finding("fsync")
        #expect(found.text.contains("syncs of 4 KiB took"), "\(found)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
        try withTmpfs("size=4m") {
            #expect(bench.finding("fsync").text.contains("is in memory: nothing of it survives a restart"))
        }
        let probe = try SyncProbe(folder: place, count: 3)
        #expect(probe.times.count == 3 && probe.median <= probe.slowest)
    }

    private static func facts(
        _ type: String, _ options: Set<String> = [], disk: BlockDeviceInfo? = nil, micros: Int = 500
    ) -> SyncFacts {
        let mount = MountInfo(mountPoint: "/", type: type, source: "/dev/x", device: "8:1", options: options)
        var facts = SyncFacts(mount: mount, disk: disk)
        facts.probe = SyncProbe(times: [.microseconds(micros)])
        return facts
    }

    @Test("fsync is judged by what the kernel says and what was measured, and by nothing else")
    func judgement() {
        let rotating = BlockDeviceInfo(name: "sda", isRotating: true, cache: "write back")
        let flash = BlockDeviceInfo(name: "mmcblk0", isRotating: false, cache: "write back")
        let through = BlockDeviceInfo(name: "sdb", isRotating: false, cache: "write through")
        let virtual = BlockDeviceInfo(name: "vda", isRotating: true, cache: "write back")
        let cases: [(SyncFacts, DoctorFinding.Verdict)] = [
            (Self.facts("ext4", disk: flash, micros: 900), .ok), (Self.facts("ext4", disk: flash, micros: 5), .warning),
            (Self.facts("ext4", disk: through, micros: 5), .ok),
            (Self.facts("ext4", disk: rotating, micros: 9_000), .ok),
            (Self.facts("ext4", disk: rotating, micros: 100), .warning),
            (Self.facts("ext4", disk: virtual, micros: 5), .ok), (Self.facts("ubifs", micros: 5), .ok),
            (Self.facts("ext4", disk: flash, micros: 2_000_000), .warning),
            (Self.facts("ext4", ["rw", "nobarrier"], disk: flash), .failed),
            (Self.facts("ext3", ["barrier=0"], disk: flash), .failed),
            (Self.facts("ext4", ["data=writeback"], disk: flash), .warning),
            (Self.facts("overlay", ["volatile"]), .failed), (Self.facts("overlay"), .ok),
            (Self.facts("tmpfs"), .failed), (Self.facts("vfat", disk: flash), .warning), (Self.facts("nfs4"), .warning),
            (Self.facts("ext4", disk: BlockDeviceInfo(name: "zram0", isRotating: false, cache: "")), .failed),
        ]
        for (facts, verdict) in cases { #expect(facts.finding.verdict == verdict, "\(facts)") }
        var eaten = Self.facts("ext4", disk: flash)
        eaten.preloads = "/usr/lib/libeatmydata.so"
        #expect(eaten.finding.verdict == .failed)
    }

    @Test("a mount is found by its longest path, and the later of two on one place counts")
    func mounts() {
        let text = """
            22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
            30 22 0:25 / /var rw - tmpfs tmpfs rw
            31 30 8:2 / /var/lib\\040x rw,noatime - ext4 /dev/sda2 rw,barrier=0
            32 30 8:3 / /var rw shared:2 master:1 - ext4 /dev/sda3 rw
            """
        #expect(MountInfo.find("/etc", in: text)?.source == "/dev/sda1")
        #expect(MountInfo.find("/var/lib x/gwe", in: text)?.options.contains("barrier=0") == true)
        #expect(MountInfo.find("/var/lib xy", in: text)?.source == "/dev/sda3")
        #expect(MountInfo.find("/", in: text)?.options.contains("errors=remount-ro") == true)
    }
}
