/// Work that may hang in a system call which knows no deadline: a name lookup, statvfs(3) on a dead server.
public enum TimeLimit {
    /// Runs `body` on a thread of its own and waits for it.
    ///
    /// - Returns: its result, or nil when the time was over first. Then the thread runs on and nobody looks at what comes
    ///   of it: only for programs that end soon.
    public static func run<Result: Sendable>(
        _ name: String, atMost limit: Duration, _ body: @escaping @Sendable () -> Result
    ) -> Result? {
        let box = Monitor<Result?>(nil)
        do throws(SystemError) {
            let thread = try BackgroundThread(name) {
                let result = body()
                box.update { $0 = result }
            }
            thread.detach()
        } catch {
            return body()
        }
        return box.wait(atMost: limit) { $0 }
    }
}
