internal import Glibc

/// What this process does with a signal.
public enum SignalDisposition {
    /// Whether a signal has its default effect: nobody handles it, and it is not ignored, as in the background of a shell
    /// (sigaction(2)).
    public static func isDefault(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        // SIG_DFL is 0.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 0
    }
}
