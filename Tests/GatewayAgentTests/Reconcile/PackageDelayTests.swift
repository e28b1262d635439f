import GatewayModel
import Testing

@testable import GatewayAgent

@Suite("What a server of packages asks for") struct PackageDelayTests {
    @Test(
        "it delays the packages, and not the talk with the cloud; a short delay was waited for in the download",
        arguments: [(7_200, true), (61, true), (60, false)])
    func elsewhere(_ seconds: Int, _ isKept: Bool) throws {
        var failure = StepFailure(.unavailable, "busy")
        var fetch = CloudFailure(description: "busy", retryAfter: .seconds(seconds), trouble: .busy)
        fetch.isElsewhere = true
        failure.fetch = fetch
        let web = try #require(AppName("web"))
        var outcome = PassOutcome()
        outcome.hasAskedCloud = true
        outcome.failures = [(web, failure, isAsBefore: true)]
        let result = outcome.result(isSupervised: true)
        #expect(result.packageDelay == (isKept ? .seconds(seconds) : nil))
        guard case .failed(let talk) = result.talk else {
            Issue.record("\(result.talk)")
            return
        }
        #expect(talk.retryAfter == nil && talk.trouble == .artifact)
    }
}
