import Testing

@testable import GatewayAgent
@testable import GatewayModel

/// How what came of a pass becomes one exit status, one summary and one word on the cloud.
@Suite("The outcome of a pass") struct PassOutcomeTests {
    private func app(_ name: String) throws -> AppName { try #require(AppName(name)) }

    private func outcome(
        _ failures: (StepFailure.Kind, isAsBefore: Bool)..., change: (inout PassOutcome) -> Void = { _ in }
    ) throws -> PassOutcome {
        var outcome = PassOutcome()
        for (index, failure) in failures.enumerated() {
            outcome.failures.append(
                (try app("app\(index)"), StepFailure(failure.0, "it broke"), isAsBefore: failure.isAsBefore))
        }
        change(&outcome)
        return outcome
    }

    @Test("nothing came of it: success, and not a word")
    func nothing() throws {
        let result = PassOutcome().result(isSupervised: false)
        #expect(result.exit == .success && result.summary == "")
        #expect(PassOutcome().word == "converged")
    }

    @Test("what weighs more is the exit status: each is hidden by the one before it")
    func order() throws {
        let app = try app("web")
        let weights: [(GatewayModel.ExitStatus, (inout PassOutcome) -> Void)] = [
            (.noSpace, { $0.shortfall = .init(neededByteCount: 2, freeByteCount: 1) }),
            (.badInput, { $0.inputExit = .badInput }),
            (.failure, { $0.failures.append((app, StepFailure(.release, "bad"), isAsBefore: false)) }),
            (.unavailable, { $0.failures.append((app, StepFailure(.unavailable, "away"), isAsBefore: true)) }),
            (.failure, { $0.blocked = [app] }),
            (.noSuchApp, { $0.unknownApps = [app] }),
            (.deferred, { $0.deferred = ["web waits for 02:00"] }),
        ]
        for start in weights.indices {
            var outcome = PassOutcome()
            for (_, change) in weights[start...] { change(&outcome) }
            #expect(outcome.exit == weights[start].0, "from \(start)")
        }
    }

    @Test("a full disk is told as such, whichever step found it")
    func noSpace() throws {
        #expect(try outcome((.release, true), (.noSpace, true)).exit == .noSpace)
    }

    @Test(
        "a bad release is rolled back where everything in force before still is; with one that is not, it is a failure")
    func rolledBack() throws {
        #expect(try outcome((.release, true), (.local, true)).exit == .rolledBack)
        #expect(try outcome((.release, true), (.local, false)).exit == .failure)
        #expect(try outcome((.release, true), (.unavailable, false)).exit == .failure)
        #expect(try outcome((.unavailable, false)).exit == .unavailable, "nobody is to blame for the way to the cloud")
    }

    @Test("a wish that nobody knows is out of reach, and is said so")
    func unknownWish() throws {
        let result = try outcome { $0.isWishUnknown = true }.result(isSupervised: true)
        #expect(result.exit == .unavailable && result.summary == PassOutcome.unknownWish)
    }

    @Test("the summary says what weighs most of the three, and then all the rest")
    func summary() throws {
        let (web, db) = (try app("web"), try app("db"))
        func lines(_ change: (inout PassOutcome) -> Void, isSupervised: Bool = true) throws -> [String] {
            try outcome(change: change).result(isSupervised: isSupervised).summary.split(separator: "\n").map(
                String.init)
        }
        #expect(try lines { $0.changed = [web, db] } == ["converged: web, db"])
        #expect(
            try lines({ $0.changed = [web] }, isSupervised: false)
                == ["converged: web", "nothing was started: no daemon supervises (gwe run)"])
        let failed = try lines {
            $0.changed = [db]
            $0.failures = [(web, StepFailure(.release, "bad"), isAsBefore: true)]
        }
        #expect(failed == ["failed: web"])
        let short = try lines {
            $0.shortfall = .init(neededByteCount: 2, freeByteCount: 1)
            $0.failures = [(web, StepFailure(.release, "bad"), isAsBefore: true)]
        }
        #expect(short == ["not enough space: about 2 B needed, 1 B free; nothing was touched"])
        let rest = try lines {
            $0.rejected = ["manifest.yaml", "cloud"]
            $0.unknownApps = [web]
            $0.blocked = [db]
            $0.deferred = ["web waits for 02:00"]
        }
        #expect(
            rest == [
                "rejected: manifest.yaml, cloud; the last good one is in force ('gwe status' says what is wrong)",
                "no such app: web", "blocked: db", "deferred: web waits for 02:00",
            ])
    }

    @Test("the talk with the cloud failed when a package could not be fetched, though the cloud answered")
    func talk() throws {
        func talk(_ outcome: PassOutcome) -> String {
            switch outcome.result(isSupervised: true).talk {
            case .notAsked: "not asked"
            case .succeeded: "succeeded"
            case .failed(let failure): "\(failure.trouble): \(failure.description)"
            }
        }
        #expect(talk(PassOutcome()) == "not asked")
        #expect(try talk(outcome((.unavailable, true))) == "not asked")
        #expect(try talk(outcome { $0.hasAskedCloud = true }) == "succeeded")
        #expect(try talk(outcome((.release, true)) { $0.hasAskedCloud = true }) == "succeeded")
        #expect(try talk(outcome((.unavailable, true)) { $0.hasAskedCloud = true }) == "artifact: it broke")
        // Whether a server refuses it, or it has no address that can be asked: the cloud is asked for news as before.
        let web = try app("web")
        for trouble in [CloudTrouble.Kind.refused, .configuration, .notAuthorised, .unknownDevice] {
            let missing = try outcome {
                var failure = StepFailure(.unavailable, "no such content")
                failure.fetch = CloudFailure(description: "no such content", trouble: trouble)
                $0.failures = [(web, failure, isAsBefore: true)]
                $0.hasAskedCloud = true
            }
            #expect(talk(missing) == "artifact: no such content")
        }
        let refused = try outcome((.unavailable, true)) {
            $0.hasAskedCloud = true
            $0.cloudFailure = CloudFailure(
                description: "busy", retryAfter: .seconds(7), trouble: .noConnection)
        }
        #expect(talk(refused) == "noConnection: busy")
        let result = refused.result(isSupervised: true)
        guard case .failed(let failure) = result.talk else {
            Issue.record("\(result.talk)")
            return
        }
        #expect(failure.retryAfter == .seconds(7) && result.isCloudUnreachable && !result.hasReachedCloud)
        #expect(try outcome { $0.hasAskedCloud = true }.result(isSupervised: true).hasReachedCloud)
    }
}
