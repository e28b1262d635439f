import Documents
import Glibc
import Testing

@Suite("Days and dates")
struct CivilDateTests {
    @Test("every day of 1,200 years follows the one before, and leads back to its number")
    func everyDay() {
        var last = CivilDate(daysSince1970: -220_001)
        for day in Int64(-220_000)...220_000 {
            let date = CivilDate(daysSince1970: day)
            guard date.daysSince1970 == day else {
                Issue.record("\(date) is not day \(day)")
                return
            }
            let isNext =
                date == CivilDate(year: last.year, month: last.month, day: last.day + 1)
                || date == CivilDate(year: last.year, month: last.month + 1, day: 1) && last.day >= 28
                || date == CivilDate(year: last.year + 1, month: 1, day: 1) && last.month == 12 && last.day == 31
            guard isNext else {
                Issue.record("\(date) follows \(last)")
                return
            }
            last = date
        }
    }

    @Test("times are those of gmtime(3) and timegm(3)")
    func asTheLibrary() {
        var random = SystemRandomNumberGenerator()
        let edges: [Int64] = [
            0, -1, 1, 86_399, 86_400, -86_400, 951_782_400, 951_868_800, 4_107_542_400, 253_402_300_799,
        ]
        let drawn = (0..<20_000).map { _ in Int64.random(in: -60_000_000_000...253_402_300_799, using: &random) }
        for seconds in edges + drawn {
            var time = time_t(seconds)
            var parts = tm()
            gmtime_r(&time, &parts)
            let expected = CivilTime(
                date: CivilDate(
                    year: Int(parts.tm_year) + 1_900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday)),
                hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
            #expect(CivilTime(unixSeconds: seconds) == expected)
            #expect(expected.unixSeconds == seconds)
        }
    }

    @Test("texts have the form of RFC 3339")
    func texts() {
        #expect(CivilTime(unixSeconds: 1_793_491_200).description == "2026-11-01T00:00:00Z")
        #expect(CivilTime(unixSeconds: 951_868_799).description == "2000-02-29T23:59:59Z")
        #expect(CivilTime(unixSeconds: 784_111_777).clock == "08:49:37")
        #expect(CivilDate(daysSince1970: -1).description == "1969-12-31")
    }

    @Test("a day beyond the end of its month is one of the next")
    func beyondMonth() {
        let date = CivilDate(daysSince1970: CivilDate(year: 2027, month: 2, day: 31).daysSince1970)
        #expect(date == CivilDate(year: 2027, month: 3, day: 3))
    }

    @Test("division rounds down")
    func quotient() {
        #expect(Int64(-1).quotient(by: 1_000) == -1)
        #expect(Int64(-1_000).quotient(by: 1_000) == -1)
        #expect(Int64(999).quotient(by: 1_000) == 0)
    }
}
