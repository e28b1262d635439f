internal import GatewayModel
internal import GatewaySystem

/// What came of a pass, and the one place where that becomes an exit status.
struct PassOutcome {
    var changed: [AppName] = []
    /// `isAsBefore`: what was in force before the pass still is, whole.
    var failures: [(app: AppName, failure: StepFailure, isAsBefore: Bool)] = []
    /// Apps that cannot be brought to their desired state.
    var blocked: [AppName] = []
    var deferred: [String] = []
    /// Of all apps together that had no room.
    var shortfall: Plan.Shortfall?
    /// What the smallest of them needs; nil where it is all or nothing.
    var leastNeededByteCount: Int64?
    var hasErrors = false
    /// Set when input was rejected.
    var inputExit: ExitStatus?
    /// Where the rejected input stands. What is wrong in it is told once; that it is still there, by every pass.
    var rejected: [String] = []
    /// All that is wrong with the inputs, also what was told before.
    var inputProblems: [String] = []
    /// Apps that were asked for by name and that nobody knows.
    var unknownApps: [AppName] = []
    var cloudFailure: CloudFailure?
    var hasAskedCloud = false
    /// Set when the cloud could not be asked and no layer was ever seen.
    var isWishUnknown = false
    /// Set when the manifest was being written for so long that removals were left out.
    var isManifestUnsettled = false

    static let unknownWish = "no desired state is known: there is no manifest, and the cloud was not asked"

    private static func rejection(_ sources: [String]) -> String {
        "rejected: " + sources.joined(separator: ", ")
            + "; the last good one is in force ('gwe status' says what is wrong)"
    }

    /// Up to eight apps by name, of more the first six: each had its lines.
    private static func names(_ apps: [AppName]) -> String {
        let names = apps.map(\.text)
        guard names.count > 8 else { return names.joined(separator: ", ") }
        return names.prefix(6).joined(separator: ", ") + " and \(names.count - 6) more"
    }

    /// What of this machine was in the way; nil when nothing was.
    var trouble: MachineTrouble? {
        let ours = failures.filter(\.failure.isOfMachine).map { "\($0.app): \($0.failure)" }
        guard shortfall != nil || !ours.isEmpty else { return nil }
        return MachineTrouble(
            words: ([shortfall?.description].compactMap(\.self) + ours).joined(separator: "; "),
            neededByteCount: ours.isEmpty ? leastNeededByteCount ?? shortfall?.neededByteCount : nil)
    }

    /// The word of the history: a pass that ends with 1 has not converged.
    var word: String {
        if !failures.isEmpty || shortfall != nil { return "failed" }
        if hasErrors || !blocked.isEmpty { return "blocked" }
        return deferred.isEmpty ? "converged" : "deferred"
    }

    var exit: ExitStatus {
        if shortfall != nil || failures.contains(where: { $0.failure.kind == .noSpace }) { return .noSpace }
        if let inputExit { return inputExit }
        if failures.contains(where: { $0.failure.kind == .release || $0.failure.kind == .local }) {
            return failures.allSatisfy(\.isAsBefore) ? .rolledBack : .failure
        }
        if !failures.isEmpty || isWishUnknown { return .unavailable }
        if hasErrors || !blocked.isEmpty { return .failure }
        if isManifestUnsettled { return .tryLater }
        if !unknownApps.isEmpty { return .noSuchApp }
        return deferred.isEmpty ? .success : .deferred
    }

    func result(isSupervised: Bool) -> PassResult {
        var lines: [String] = []
        if let shortfall {
            let rest =
                changed.isEmpty
                ? "nothing was touched" : "done all the same: \(PassOutcome.names(changed))"
            lines.append("\(shortfall.description); \(rest)")
        } else if !failures.isEmpty {
            lines.append("failed: " + failures.map(\.app.text).joined(separator: ", "))
        } else if !changed.isEmpty {
            lines.append("converged: " + PassOutcome.names(changed))
        }
        if !rejected.isEmpty { lines.append(PassOutcome.rejection(rejected)) }
        lines += unknownApps.map { "no such app: \($0)" }
        if isWishUnknown { lines.append(PassOutcome.unknownWish) }
        if isManifestUnsettled { lines.append("nothing was removed: the manifest is still being written") }
        if !blocked.isEmpty { lines.append("blocked: " + blocked.map(\.text).joined(separator: ", ")) }
        lines += deferred.map { "deferred: \($0)" }
        if !isSupervised, !changed.isEmpty { lines.append("nothing was started: no daemon supervises (gwe run)") }
        var result = PassResult(exit: exit, summary: lines.joined(separator: "\n"))
        result.isCloudUnreachable = cloudFailure != nil
        result.trouble = trouble
        result.packageDelay = packageDelay
        result.inputProblems = inputProblems
        result.talk = talk
        return result
    }

    /// What a download waits for by itself (`DownloadRetry`) has been waited for.
    private var packageDelay: Duration? {
        failures.compactMap(\.failure.fetch?.retryAfter).filter { $0 > DownloadRetry().retryAfterCap }.min()
    }

    /// How the pass got on with the cloud. What it could not fetch counts too: it is tried again soon.
    private var talk: CloudTalk {
        guard hasAskedCloud else { return .notAsked }
        if let cloudFailure { return .failed(cloudFailure) }
        guard let missed = failures.first(where: { $0.failure.kind == .unavailable })?.failure else {
            return .succeeded
        }
        var failure = missed.fetch ?? CloudFailure(description: missed.description, trouble: .artifact)
        // The cloud did answer. That it, or another server, does not give out a package keeps nobody from asking for news:
        // another command may be there already.
        if failure.trouble.isRefusal, !failure.isAboutToken { failure.trouble = .artifact }
        // What another server asks for holds for that one: see `packageDelay`.
        if failure.isElsewhere { (failure.trouble, failure.retryAfter) = (.artifact, nil) }
        return .failed(failure)
    }
}
