internal import Glibc

/// The journal of systemd, where it takes what a process writes.
public enum JournalStream {
    /// Whether a descriptor leads to journald, which gives each line its time itself.
    /// - Parameter variable: JOURNAL_STREAM of the environment, `device:inode`; another process may have left it there
    ///   (systemd.exec(5)).
    public static func takes(_ descriptor: Int32, variable: String?) -> Bool {
        guard let variable else { return false }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return false }
        return variable == "\(facts.st_dev):\(facts.st_ino)"
    }
}
