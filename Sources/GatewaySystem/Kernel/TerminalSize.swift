internal import CLinux

/// How large a terminal is.
public enum TerminalSize {
    /// Characters in a line (ioctl_tty(2), TIOCGWINSZ); nil for what is no terminal, or one that does not say, as a
    /// serial line does.
    public static func columns(of descriptor: Int32) -> Int? {
        let count = Int(gwe_terminal_columns(descriptor))
        return count > 0 ? count : nil
    }
}
