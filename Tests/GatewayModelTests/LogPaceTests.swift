import GatewayModel
import Testing

@Suite("The pace at which log pipes are emptied")
struct LogPaceTests {
    private static let capacity = 1 << 20

    /// Plays an app that writes `bytesPerSecond` steadily and never waits, for so long; the times and sizes of the moves.
    private func moves(
        bytesPerSecond: Int64, for length: Duration, _ pace: inout LogPace
    ) -> [(at: Duration, byteCount: Int)] {
        var moves: [(at: Duration, byteCount: Int)] = []
        var now = Duration.milliseconds(1)
        var begin = Duration.zero
        while now < length {
            now += pace.delay(at: now)
            let (seconds, attoseconds) = (now - begin).components
            let waited = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
            let byteCount = min(LogPaceTests.capacity, Int(bytesPerSecond * waited / 1_000_000_000))
            pace.moved(byteCount, at: now)
            moves.append((now, byteCount))
            begin = now
            // The loop and the move take their time.
            now += .microseconds(50)
        }
        return moves
    }

    @Test("what comes after a rest is moved at once")
    func atOnce() {
        var pace = LogPace(capacity: LogPaceTests.capacity)
        #expect(pace.delay(at: .zero) == .zero)
        pace.moved(100, at: .seconds(10))
        #expect(pace.delay(at: .seconds(10)) == LogPace.first)
        #expect(pace.delay(at: .seconds(11)) == .zero)
        pace.moved(100, at: .seconds(11))
        #expect(pace.pause == LogPace.first)
    }

    @Test("an app that writes a little all the time is moved ten times a second")
    func chatty() {
        var pace = LogPace(capacity: LogPaceTests.capacity)
        let moves = moves(bytesPerSecond: 100_000, for: .seconds(10), &pace)
        #expect(pace.pause == LogPace.longest)
        #expect((95...110).contains(moves.count))
    }

    @Test("an app that writes fast finds room at all times", arguments: [5, 50, 200, 800] as [Int64])
    func fast(megabytesPerSecond: Int64) {
        var pace = LogPace(capacity: LogPaceTests.capacity)
        let settled = moves(bytesPerSecond: megabytesPerSecond * 1_000_000, for: .seconds(2), &pace).dropFirst(30)
        #expect(settled.allSatisfy { $0.byteCount < LogPaceTests.capacity / 2 })
        // In portions, all the same: a move costs some system calls.
        #expect(settled.allSatisfy { $0.byteCount > LogPaceTests.capacity / 16 })
    }

    @Test("a full pipe shortens the pause at once, a quiet one lengthens it by and by")
    func changes() {
        var pace = LogPace(capacity: LogPaceTests.capacity)
        var now = Duration.seconds(1)
        for _ in 0..<20 {
            pace.moved(1_000, at: now)
            now += pace.pause
        }
        #expect(pace.pause == LogPace.longest)
        pace.moved(LogPaceTests.capacity, at: now)
        #expect(pace.pause == LogPace.longest / 4)
        for pause in [50, 100, 100] as [Int64] {
            now += pace.pause
            pace.moved(1_000, at: now)
            #expect(pace.pause == .milliseconds(pause))
        }
    }

    @Test("no pause is shorter than the shortest, nor longer than the longest")
    func bounds() {
        var pace = LogPace(capacity: 4_096)
        var now = Duration.seconds(1)
        for _ in 0..<50 {
            pace.moved(1 << 30, at: now)
            now += pace.pause
        }
        #expect(pace.pause == LogPace.shortest)
        pace.moved(1 << 30, at: now, isDropping: true)
        #expect(pace.pause == LogPace.shortestDropping)
        for _ in 0..<50 {
            pace.moved(0, at: now)
            now += pace.pause
        }
        #expect(pace.pause == LogPace.longest)
    }
}
