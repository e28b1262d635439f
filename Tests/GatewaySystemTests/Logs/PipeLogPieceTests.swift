import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Lines that are moved before their end has come.
@Suite struct PipeLogPieceTests {
    /// A log, the app's end of its pipe, and agents that come one after the other.
    private final class Bench {
        let scratch = TemporaryFolder()
        let pipes: PipeScratch
        var log: PipeLog
        let end: Int32

        init() throws {
            pipes = try PipeScratch()
            log = try PipeLog(pipePath: scratch("pipe"), owner: nil)
            end = try log.appEnd()
        }

        deinit { close(end) }

        /// The agent is killed, and the next one goes on.
        func nextAgent() throws {
            log = try PipeLog(pipePath: scratch("pipe"), owner: nil)
            setFile(goesOn: true)
        }

        func setFile(goesOn: Bool, maxByteCount: Int64 = 60) {
            log.setFile(path: scratch("log"), maxByteCount: maxByteCount, backups: 100, owner: nil, goesOn: goesOn)
        }

        func write(_ bytes: [UInt8]) { #expect(Glibc.write(end, bytes, bytes.count) == bytes.count) }

        func move(all: Bool = false) -> Int { log.move(all: all, unfinished: true, scratch: pipes).byteCount }
    }

    @Test("whatever is moved unfinished, by whichever agent: nothing is doubled, lost or cut", arguments: 0..<40)
    func pieces(_ seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        let bench = try Bench()
        bench.setFile(goesOn: false)
        var lines: [String] = []
        for number in 0..<80 {
            let line = "\(number):" + String(repeating: "x", count: Int.random(in: 0..<30, using: &random))
            lines.append(line)
            var rest = Array("\(line)\n".utf8)[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...rest.count, using: &random)))
                rest = rest.dropFirst(piece.count)
                bench.write(piece)
                if Bool.random(using: &random) { _ = bench.move() }
                if Int.random(in: 0..<8, using: &random) == 0 { try bench.nextAgent() }
            }
        }
        while bench.move(all: true) > 0 {}
        let scratch = bench.scratch
        let old = (1...100).reversed().compactMap { scratch.text("log.\($0)") }
        let files = old + [scratch.text("log") ?? ""]
        #expect(files.count > 1 && files.allSatisfy { $0.isEmpty || $0.hasSuffix("\n") }, "\(files)")
        #expect(files.joined() == lines.map { "\($0)\n" }.joined())
    }

    @Test("a line that nobody ends any more is ended when another process begins, also one of an agent that is gone")
    func ended() throws {
        let bench = try Bench()
        let scratch = bench.scratch
        try scratch.write("log", "left by somebody")
        bench.setFile(goesOn: false, maxByteCount: 0)
        bench.log.begin()
        #expect(scratch.text("log") == "left by somebody\n")
        bench.write(Array("a".utf8))
        _ = bench.move()
        #expect(scratch.text("log") == "left by somebody\na")
        // The process has ended, and nothing waits any more.
        _ = bench.move(all: true)
        bench.log.begin()
        #expect(scratch.text("log") == "left by somebody\na\n")
    }
}

/// Numbers that are the same at each run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
