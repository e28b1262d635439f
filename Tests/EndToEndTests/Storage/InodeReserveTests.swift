import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// A file system with room for bytes and none for files, on a real tmpfs.
@Suite("The reserve of inodes", .enabled(if: getuid() == 0)) struct InodeReserveTests {
    private static let inodeCount: Int64 = 400

    private func free(_ disk: SmallDisk) throws -> Int64 {
        try FileSystemInfo(containing: disk.path).availableInodeCount
    }

    @Test("a package of more files than there are inodes ends with 60, in these words, and leaves the reserve free")
    func tooManyFiles() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let disk = try SmallDisk(gateway.stateFolder, size: "20m,nr_inodes=\(Self.inodeCount)")
        defer { disk.unmount() }
        let files = Dictionary(
            uniqueKeysWithValues: (0..<500).map { ("share/file\($0)", TestPackage.File("\($0)\n")) })
        try gateway.services([.quickService("web", "1")])
        let first = try gateway.gwe("reconcile")
        #expect(first.code == 0, "\(first)")
        try gateway.services([.quickService("web", "2", extra: files)])
        // More often than a release may fail.
        for _ in 0..<4 {
            let ran = try gateway.gwe("reconcile")
            #expect(ran.code == 60, "\(ran)")
            #expect((ran.out + ran.err).contains("no inode is left for the package: "), "\(ran)")
            #expect(try free(disk) > 64)
        }
        #expect(gateway.current("web")?.hasPrefix("1-") == true)
        let status = try gateway.status()
        let problems = status.document["problems"]?.elements?.compactMap(\.string) ?? []
        #expect(problems.contains { $0.contains("no inode is left for the package: ") }, "\(problems)")
        #expect(try gateway.row("web")["sync"]?.string == "drifted(version)")
        // Others use up what was left: doctor says so, and a removal still works.
        var number = 0
        while try free(disk) > 20 {
            number += 1
            try gateway.write("", to: "\(disk.path)/others/\(number)")
        }
        let doctor = try gateway.gwe("doctor", "--json")
        #expect(doctor.out.contains("no inode is left for a package: "), "\(doctor)")
        try gateway.manifest("schema: gwe/v1\napps: {web: {state: absent}}\n")
        let last = try gateway.gwe("reconcile")
        #expect(last.code == 0, "\(last)")
    }

    @Test("where inodes are not counted, none are missed")
    func uncounted() throws {
        let folder = TemporaryFolder()
        let disk = try SmallDisk(folder("disk"), size: "4m,nr_inodes=0")
        defer { disk.unmount() }
        let info = try FileSystemInfo(containing: disk.path)
        #expect(info.availableInodeCount == .max && info.inodeReserve == 0)
        let file = try folder.write("run", "x")
        try TarWriter.write(
            [.init(path: "run", content: .file(file), mode: 0o755)], to: folder("package"), compression: .gzip)
        let unpacked = try Unpacker.unpack(from: .file(folder("package")), into: folder("disk/release"))
        #expect(unpacked.entries.count == 1)
    }
}
