import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Lines that are moved before their end has come.
@Suite struct PipeLogPieceTests {
    @Test("whatever is moved unfinished, by whichever agent: nothing is doubled, lost or cut", arguments: 0..<40)
    func pieces(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let scratch = TemporaryFolder()
        let pipes = try PipeScratch()
        var log = try PipeLog(pipePath: scratch("pipe"), owner: nil)
        let end = try log.appEnd()
        defer { close(end) }
        func open(_ goesOn: Bool) {
            log.setFile(path: scratch("log"), maxByteCount: 60, backups: 1_000, owner: nil, goesOn: goesOn)
        }
        open(false)
        var lines: [String] = []
        for number in 0..<80 {
            let line = "\(number):" + String(repeating: "x", count: Int.random(in: 0..<30, using: &random))
            lines.append(line)
            var rest = Array("\(line)\n".utf8)[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...rest.count, using: &random)))
                rest = rest.dropFirst(piece.count)
                #expect(Glibc.write(end, piece, piece.count) == piece.count)
                if Bool.random(using: &random) { _ = log.move(all: false, unfinished: true, scratch: pipes) }
                // The agent is killed, and the next one goes on.
                if Int.random(in: 0..<8, using: &random) == 0 {
                    log = try PipeLog(pipePath: scratch("pipe"), owner: nil)
                    open(true)
                }
            }
        }
        while log.move(all: true, scratch: pipes).byteCount > 0 {}
        let numbers = (1...1_000).filter { scratch.text("log.\($0)") != nil }.reversed()
        let files = numbers.compactMap { scratch.text("log.\($0)") } + [scratch.text("log") ?? ""]
        #expect(files.count > 1 && files.allSatisfy { $0.isEmpty || $0.hasSuffix("\n") }, "\(files)")
        #expect(files.joined() == lines.map { "\($0)\n" }.joined())
    }

    @Test("a line that nobody ends any more is ended when another process begins, also one of an agent that is gone")
    func ended() throws {
        let scratch = TemporaryFolder()
        let pipes = try PipeScratch()
        try scratch.write("log", "left by somebody")
        var log = try PipeLog(pipePath: scratch("pipe"), owner: nil)
        let end = try log.appEnd()
        defer { close(end) }
        log.setFile(path: scratch("log"), maxByteCount: 0, backups: 0)
        log.begin()
        #expect(scratch.text("log") == "left by somebody\n")
        _ = Glibc.write(end, "a", 1)
        _ = log.move(all: false, unfinished: true, scratch: pipes)
        #expect(scratch.text("log") == "left by somebody\na")
        // The process has ended, and nothing waits any more.
        _ = log.move(all: true, scratch: pipes)
        log.begin()
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
