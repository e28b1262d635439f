import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

@Suite("a download that was cut") struct ResumeTests {
    static let name = "web.v1.tar.gz"

    /// A gateway that wants one package, whose bytes cannot be compressed much.
    private func gateway(fill byteCount: Int = 3_000, policy: String = "") throws -> (GatewayFixture, size: Int64) {
        let gateway = try GatewayFixture()
        try upload(to: gateway, byteCount, seed: 1)
        try gateway.manifest("schema: gwe/v1\n\(policy)apps:\n  web: {version: \"1\"}\n")
        return (gateway, try size(gateway))
    }

    private func size(_ gateway: GatewayFixture) throws -> Int64 {
        try #require(try gateway.sandbox.contents().first { $0.name == ResumeTests.name }).byteCount
    }

    private func upload(to gateway: GatewayFixture, _ byteCount: Int, seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-".utf8)
        let text = String(
            decoding: (0..<byteCount).map { _ in letters[Int.random(in: 0..<64, using: &random)] }, as: UTF8.self)
        try gateway.upload(.service("web", "1", extra: ["data": .init(text), "seed": .init("\(seed)")]))
    }

    private func partialByteCount(_ gateway: GatewayFixture) -> Int64 {
        FileTree.byteCount(ofFile: "\(gateway.stateFolder)/downloads/\(ResumeTests.name).partial") ?? 0
    }

    /// Starts a pass whose download is cut after some bytes, and kills it while it waits to try again.
    private func cut(_ gateway: GatewayFixture, after byteCount: Int64) throws {
        gateway.sandbox.cutNextDownloads(after: [byteCount])
        let first = try gateway.start(["reconcile"])
        try gateway.eventually("the cut after \(byteCount) bytes is noticed") { first.err.contains("trying again in") }
        first.send(SIGKILL)
        let ran = first.wait()
        #expect(ran.signal == SIGKILL, "\(ran)")
    }

    @Test("at any byte resumes in the next run and costs only the missing bytes")
    func resumes() throws {
        let (probe, size) = try gateway()
        _ = consume probe
        var offsets: Set<Int64> = [0, 1, 2, 9, 10, 511, 512, 513, size / 2, size - 9, size - 8, size - 2, size - 1]
        if KillCampaign.isLong { offsets.formUnion(stride(from: 0, to: size, by: 7)) }
        let defects = Defects()
        KillCampaign.inParallel(offsets.sorted()) { offset in
            do {
                let (gateway, size) = try gateway()
                try cut(gateway, after: offset)
                let second = try gateway.gwe("reconcile")
                if second.code != 0 { defects.add("cut after \(offset): \(second)") }
                if gateway.read(gateway.currentFolder(of: "web") + "/seed") != "1" {
                    defects.add("\(offset): not installed")
                }
                let log = try gateway.downloads(of: ResumeTests.name)
                let sent = log.map(\.sentByteCount)
                if sent != [offset, size - offset] { defects.add("cut after \(offset) of \(size): \(log)") }
                if offset > 0, log.last?.range?.hasPrefix("bytes=\(offset)-") != true {
                    defects.add("\(offset): \(log)")
                }
            } catch {
                defects.add("cut after \(offset): \(error)")
            }
        }
        #expect(defects.all.isEmpty, "\(defects.all.joined(separator: "\n"))")
    }

    @Test("again and again in one run is resumed in that run, and nothing is fetched twice")
    func withinOneRun() throws {
        let (gateway, size) = try gateway()
        gateway.sandbox.cutNextDownloads(after: [700, 0, 900])
        let ran = try gateway.gwe("reconcile")
        #expect(ran.code == 0, "\(ran)")
        let sent = try gateway.downloads(of: ResumeTests.name).map(\.sentByteCount)
        #expect(sent == [700, 0, 900, size - 1_600])
    }

    @Test("and whose content was replaced meanwhile is fetched anew", arguments: [1, 1_500])
    func replaced(offset: Int64) throws {
        let (gateway, _) = try gateway()
        try cut(gateway, after: offset)
        try upload(to: gateway, 3_000, seed: 2)
        let second = try gateway.gwe("reconcile")
        #expect(second.code == 0, "\(second)")
        #expect(gateway.read(gateway.currentFolder(of: "web") + "/seed") == "2")
        let log = try gateway.downloads(of: ResumeTests.name)
        let size = try size(gateway)
        #expect(log.last?.status == 200 && log.last?.sentByteCount == size, "\(log)")
        #expect(try gateway.gwe("status", "--deep", "web").code == 3)
        #expect(try gateway.gwe("reconcile", "--dry-run").code == 0)
    }

    @Test("by SIGKILL in the middle of a throttled transfer goes on where the file ends")
    func killed() throws {
        let (gateway, size) = try gateway(fill: 400_000, policy: "policy: {bandwidth: 60KiB/s}\n")
        let first = try gateway.start(["reconcile"])
        try gateway.eventually("a part of the package is in the file") { partialByteCount(gateway) > 0 }
        first.send(SIGKILL)
        #expect(first.wait().signal == SIGKILL)
        let there = partialByteCount(gateway)
        try #require(there > 0 && there < size)
        try gateway.manifest("schema: gwe/v1\napps:\n  web: {version: \"1\"}\n")
        let second = try gateway.gwe("reconcile")
        #expect(second.code == 0, "\(second)")
        #expect(second.out.contains("\(there) of them from before"), "\(second)")
        let last = try #require(try gateway.downloads(of: ResumeTests.name).last)
        #expect(last.status == 206 && last.range == "bytes=\(there)-" && last.sentByteCount == size - there, "\(last)")
        #expect(try gateway.gwe("reconcile", "--dry-run", "--deep").code == 0)
    }
}
