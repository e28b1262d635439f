import GatewayModel
import Testing

@Suite struct BackoffTests {
    @Test("delays double from 0.1 s and end at 5 minutes")
    func growth() {
        let backoff = Backoff()
        let delays = (1...14).map { backoff.delay(attempt: $0, randomness: 1) }
        #expect(delays.prefix(4) == [.milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800)])
        #expect(delays[11] == .milliseconds(204_800))
        #expect(delays[12] == .seconds(300) && delays[13] == .seconds(300))
        #expect(backoff.delay(attempt: .max, randomness: 1) == .seconds(300))
    }

    @Test("jitter takes at most half of a delay away, and nothing of the first")
    func jitter() {
        let backoff = Backoff()
        #expect(backoff.delay(attempt: 1, randomness: 0) == .milliseconds(100))
        #expect(backoff.delay(attempt: 5, randomness: 0) == .milliseconds(800))
        #expect(backoff.delay(attempt: 5, randomness: 0.5) == .milliseconds(1_200))
        #expect(backoff.delay(attempt: 100, randomness: 0) == .seconds(150))
    }
}
