internal import GatewayModel

/// Whether the wall clock can be believed: not before this program was written. (The journal's newest time and the
/// kernel's word on synchronisation come with the device client.)
enum ClockTrust {
    /// 2026-11-01T00:00:00Z.
    static let floor = WallTime(milliseconds: 1_793_491_200_000)

    static func isPlausible(_ time: WallTime) -> Bool { time >= floor }
}
