/// How long a gateway waits between two polls of the cloud: one answer for the resource `update_interval`, the manifest,
/// `gateway.yaml` and Gateway Engine's `-t`.
public enum UpdateInterval {
    /// Where nobody says otherwise: four hours, as Gateway Engine had it.
    public static let standard: Duration = .seconds(14_400)
    /// A second to ten years, the longest duration of a manifest.
    public static let limits: ClosedRange<Duration> = .seconds(1) ... .seconds(315_360_000)

    /// The interval, if it is one: whole seconds within the limits.
    public static func checked(_ duration: Duration) -> Duration? {
        duration.components.attoseconds == 0 && limits.contains(duration) ? duration : nil
    }

    /// Reads whole seconds as people and tools write them, with white space anywhere around.
    /// - Returns: nil for what is no whole number within the limits.
    public static func seconds(_ text: String) -> Int64? {
        Int64(text.filter { !$0.isWhitespace }).flatMap { checked(.seconds($0)) == nil ? nil : $0 }
    }
}
