internal import CLinux

/// What the kernel says of the wall clock.
public enum ClockState {
    /// Whether an NTP client (chrony, systemd-timesyncd, ntpd) keeps it synchronised: adjtimex(2) without STA_UNSYNC.
    /// nil when the kernel does not tell. A clock may be right without, and wrong with it.
    public static var isSynchronised: Bool? {
        switch gwe_clock_is_synchronised() {
        case 0: false
        case 1: true
        default: nil
        }
    }
}
