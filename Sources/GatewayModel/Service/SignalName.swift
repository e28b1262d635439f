/// Names of signals as Linux numbers them on ARM, x86, RISC-V and PowerPC (signal(7)). MIPS differs in a few that are
/// hardly ever used to stop a program; the ones up to 15 without 7, 10 and 12 are the same everywhere.
public enum SignalName {
    private static let names: [(String, Int32)] = [
        ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("BUS", 7), ("FPE", 8), ("KILL", 9),
        ("USR1", 10), ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15), ("STKFLT", 16),
        ("CHLD", 17), ("CONT", 18), ("STOP", 19), ("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("URG", 23), ("XCPU", 24),
        ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27), ("WINCH", 28), ("IO", 29), ("PWR", 30), ("SYS", 31),
    ]
    /// Further names that Python has, and with it supervisord.
    private static let aliases: [(String, Int32)] = [
        ("IOT", 6), ("CLD", 17), ("POLL", 29), ("RTMIN", 34), ("RTMAX", 64),
    ]

    /// `TERM`, `SIGTERM`, `term` or `15`, as supervisord reads it; nil when there is no such signal.
    public static func number(_ text: String) -> Int32? {
        if let number = PythonInteger.read(text) {
            return (names + aliases).first { Int64($0.1) == number }?.1
        }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        return (names + aliases).first { $0.0 == name }?.1
    }

    /// "SIGTERM", or "signal 34".
    public static func text(_ number: Int32) -> String {
        names.first { $0.1 == number }.map { "SIG" + $0.0 } ?? "signal \(number)"
    }
}
