import GatewayModel
import Testing

@Suite("Another try when a server of packages asked for it") struct PackageRetryTests {
    @Test("it comes when it was asked for, but ever less often, down to once in an hour")
    func pauses() {
        var retry = PackageRetry()
        #expect(retry.delay(asked: .seconds(7_200)) == .seconds(7_200))
        #expect(retry.delay(asked: .seconds(61)) == .seconds(120))
        for _ in 1...20 { _ = retry.delay(asked: .seconds(61)) }
        #expect(retry.delay(asked: .seconds(61)) == .seconds(3_600))
        retry.succeeded()
        #expect(retry.delay(asked: .seconds(61)) == .seconds(61))
        #expect(retry.delay(asked: nil) == nil)
        #expect(retry.failures == 1)
    }
}
