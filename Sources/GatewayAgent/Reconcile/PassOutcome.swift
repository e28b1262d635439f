internal import GatewayModel

/// What came of a pass, and the one place where that becomes an exit status.
struct PassOutcome {
    var changed: [AppName] = []
    var failures: [(app: AppName, failure: StepFailure, hadRelease: Bool)] = []
    var deferred: [String] = []
    var shortfall: Plan.Shortfall?
    var hasErrors = false
    /// Set when input was rejected.
    var inputExit: ExitStatus?
    var cloudFailure: CloudFailure?

    var word: String { failures.isEmpty ? (deferred.isEmpty ? "converged" : "deferred") : "failed" }

    var exit: ExitStatus {
        if shortfall != nil || failures.contains(where: { $0.failure.kind == .noSpace }) { return .noSpace }
        if let inputExit { return inputExit }
        if failures.contains(where: { $0.failure.kind == .release || $0.failure.kind == .local }) {
            return failures.allSatisfy(\.hadRelease) ? .rolledBack : .failure
        }
        if !failures.isEmpty { return .unavailable }
        if hasErrors { return .failure }
        return deferred.isEmpty ? .success : .deferred
    }

    func result(isSupervised: Bool) -> PassResult {
        var lines: [String] = []
        if let shortfall {
            lines.append(
                "not enough space: about \(shortfall.neededByteCount) bytes needed, \(shortfall.freeByteCount) free; "
                    + "nothing was touched")
        } else if !failures.isEmpty {
            lines.append("failed: " + failures.map(\.app.text).joined(separator: ", "))
        } else if !changed.isEmpty {
            lines.append("converged: " + changed.map(\.text).joined(separator: ", "))
        }
        lines += deferred.map { "deferred: \($0)" }
        if !isSupervised, !changed.isEmpty { lines.append("nothing was started: no daemon supervises (gwe run)") }
        var result = PassResult(exit: exit, summary: lines.joined(separator: "\n"))
        result.isCloudUnreachable = cloudFailure != nil
        result.retryAfter = cloudFailure?.retryAfter
        return result
    }
}
