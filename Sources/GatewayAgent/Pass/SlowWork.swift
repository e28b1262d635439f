public import GatewaySystem

/// Work that may wait for somebody: after five seconds it says for whom. Nobody is to sit before a silent program.
public enum SlowWork {
    /// How long nothing is said.
    static let patience: Duration = .seconds(5)

    /// Does the work on this thread.
    /// - Parameters:
    ///   - words: what is waited for, as a sentence's end: "the cloud (https://…)".
    ///   - isDone: becomes true at the work's end; the work may set it before, when it gets on.
    ///   - tell: takes "waiting for …" if the work takes that long; from another thread, once.
    public static func run<Result, Failure: Error>(
        waitingFor words: String, isDone: Monitor<Bool> = Monitor(false),
        tell: @escaping @Sendable (String) -> Void, _ work: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Without a thread nothing is said.
        let thread = try? BackgroundThread("gwe-patience") {
            if isDone.wait(atMost: patience, for: { $0 ? true : nil }) == nil { tell("waiting for \(words)") }
        }
        thread?.detach()
        defer { isDone.update { $0 = true } }
        return try work()
    }
}
