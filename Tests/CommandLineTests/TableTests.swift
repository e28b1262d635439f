import Testing

@testable import gwe

@Suite("Tables") struct TableTests {
    private let rows = [
        ["APP", "VERSION", "SYNC", "PID"],
        [String(repeating: "a", count: 59), String(repeating: "1", count: 60), "synced", "12345"],
        ["b", "1", "held", "1"],
    ]

    @Test("elsewhere than on a terminal nothing is shortened")
    func whole() {
        #expect(table(rows)[1].count == 59 + 2 + 60 + 2 + 6 + 2 + 5)
        #expect(table([["a", ""], ["bbb", "c"]]) == ["a", "bbb  c"])
    }

    @Test(
        "on a terminal every line fits: cells are shortened, then columns go",
        arguments: [200, 132, 100, 80, 60, 40, 30])
    func fits(_ columns: Int) {
        let lines = table(rows, columns: columns, droppable: [3, 1])
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
        #expect(lines[1].contains("synced") && lines[2].hasPrefix("b "), "\(lines)")
        if columns == 100 { #expect(lines[1].contains("…") && lines[1].contains("12345"), "\(lines)") }
    }

    @Test("sentences are wrapped at words, below their column", arguments: [60, 40])
    func wraps(_ columns: Int) {
        let sentence = "Plan: 0 to install, 0 to upgrade, 0 to remove, 0 to repair, 1 to restart."
        let lines = table([["ID", "SUMMARY"], ["1", sentence]], columns: columns, wrapsLast: true)
        #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
        #expect(lines.dropFirst().map { $0.dropFirst(4) }.joined(separator: " ") == sentence, "\(lines)")
        let word = String(repeating: "x", count: 130)
        #expect(table([["1", word]], columns: columns, wrapsLast: true).allSatisfy { $0.count <= columns })
    }
}
