import GatewayModel
import Testing

@Suite struct LogRateTests {
    /// What is let through of so many lines at once.
    private func offer(_ rate: inout LogRate, _ lines: Int, at now: Duration) -> Int {
        let allowed = min(lines, rate.allowance(at: now))
        rate.spend(allowed)
        if allowed < lines { rate.shut() }
        return allowed
    }

    @Test("without a limit everything passes")
    func unlimited() {
        var rate = LogRate(linesPerSecond: nil, at: .zero)
        #expect(offer(&rate, 1_000_000_000, at: .zero) == 1_000_000_000)
        #expect(rate.allowance(at: .zero) == .max && rate.reopens == nil)
    }

    @Test("ten seconds' worth passes at once, then the bucket is shut until a second's worth is there")
    func burst() {
        var rate = LogRate(linesPerSecond: 1_000, at: .zero)
        #expect(offer(&rate, 12_000, at: .zero) == 10_000)
        #expect(rate.reopens.map { $0 > .seconds(0.99) && $0 < .seconds(1.01) } == true)
        #expect(offer(&rate, 1, at: .milliseconds(990)) == 0)
        #expect(offer(&rate, 2_000, at: .milliseconds(2_100)) >= 1_000)
    }

    @Test("whoever stays at the rate never loses a line, however the lines are bunched")
    func steady() {
        for step in [1, 10, 100, 1_000, 9_000] {
            var rate = LogRate(linesPerSecond: 1_000, at: .zero)
            for turn in 1...200 {
                #expect(offer(&rate, step, at: .milliseconds(step * turn)) == step, "\(step) lines at once")
            }
        }
    }

    @Test("over any long time the rate is kept, whatever the load")
    func average() {
        for load in [1_100, 2_000, 50_000, 1_000_000] {
            var rate = LogRate(linesPerSecond: 1_000, at: .zero)
            let passed = (1...1_000).reduce(0) { $0 + offer(&rate, load / 10, at: .milliseconds($1 * 100)) }
            #expect(passed <= 100_000 + 10_000 + 100 && passed >= 95_000, "\(load) a second: \(passed)")
        }
    }

    @Test("time that goes back is no time, and a year of silence fills no more than the bucket")
    func clock() {
        var rate = LogRate(linesPerSecond: 1, at: .seconds(100))
        #expect(offer(&rate, 10, at: .seconds(50)) == 10)
        #expect(offer(&rate, 1, at: .seconds(60)) == 0)
        #expect(rate.allowance(at: .seconds(86_400 * 365)) == 10)
        var fast = LogRate(linesPerSecond: 999_999_999, at: .zero)
        #expect(fast.allowance(at: .seconds(86_400 * 365 * 100)) == 9_999_999_990)
    }
}
