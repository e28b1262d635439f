import GatewayModel
import Testing

@Suite("Times and amounts as people write them")
struct QuantitiesTests {
    @Test(
        "a duration is its parts in falling order",
        arguments: [
            ("4h", 14_400_000), ("30s", 30_000), ("250ms", 250), ("1h30m", 5_400_000), ("14400", 14_400_000),
            ("1d2h3m4s5ms", 93_784_005), ("0s", 0), ("3650d", 315_360_000_000),
        ])
    func durations(text: String, milliseconds: Int) {
        #expect(Quantities.duration(text) == .milliseconds(milliseconds))
    }

    @Test(
        "what is no duration is refused",
        arguments: ["", "h", "4 h", "1.5h", "-1s", "30m4h", "1h1h", "4H", "1h30", "3651d", "1234567890", "1ms2s", "４h"])
    func noDurations(text: String) {
        #expect(Quantities.duration(text) == nil)
    }

    @Test(
        "an amount is a number and a unit",
        arguments: [("200KiB", 204_800), ("1kB", 1_000), ("16MiB", 16 << 20), ("0B", 0), ("2GB", 2_000_000_000)])
    func amounts(text: String, byteCount: Int64) {
        #expect(Quantities.byteCount(text) == byteCount)
        #expect(Quantities.rate("\(text)/s") == byteCount)
        #expect(Quantities.byteCount(Quantities.text(byteCount: byteCount)) == byteCount)
    }

    @Test(
        "what is no amount is refused", arguments: ["", "KiB", "200", "200KB", "1.5MiB", "-1B", "1 MiB", "1234567890B"])
    func noAmounts(text: String) {
        #expect(Quantities.byteCount(text) == nil)
    }

    @Test("a window may pass midnight but not be empty")
    func windows() {
        #expect(Quantities.window("02:00-04:30") == DailyWindow(start: 120, end: 270))
        #expect(Quantities.window("23:59-00:00").map(Quantities.text(of:)) == "23:59-00:00")
        for text in ["", "2:00-4:00", "02:00-02:00", "24:00-01:00", "02:60-03:00", "02:00–04:0", "02:00_04:00"] {
            #expect(Quantities.window(text) == nil, "\(text)")
        }
    }
}
