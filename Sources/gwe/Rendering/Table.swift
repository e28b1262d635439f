/// Columns padded to their widest cell, two spaces apart, without trailing spaces.
///
/// - Parameters:
///   - columns: how wide a line may be, on a terminal; nil: as wide as it gets. Then the last column is wrapped where
///     it wraps, cells are shortened with an ellipsis, and columns of `droppable` go, the first one first, until it fits.
///   - droppable: indices of columns that a reader can do without.
///   - wrapsLast: whether the last column holds sentences.
///   - ellipsis: what stands for the end of a shortened cell.
func table(
    _ rows: [[String]], columns: Int? = nil, droppable: [Int] = [], wrapsLast: Bool = false, ellipsis: String = "…"
) -> [String] {
    var kept = Array(0..<(rows.map(\.count).max() ?? 0))
    var widths = kept.map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
    func total() -> Int { kept.reduce(0) { $0 + widths[$1] + 2 } - 2 }
    /// What shortening can give at most.
    func slack(_ long: [Int]) -> Int { long.reduce(0) { $0 + widths[$1] - leastColumn } + 1 }

    if let columns, let last = kept.last {
        if wrapsLast, total() > columns { widths[last] = max(leastColumn * 3, columns - (total() - widths[last])) }
        // The widest are shortened first, so that each loses little.
        while total() > columns {
            let long = kept.filter { widths[$0] > leastColumn && !(wrapsLast && $0 == last) }
            if let widest = long.max(by: { widths[$0] < widths[$1] }), total() - columns < slack(long) {
                widths[widest] -= 1
            } else if let dropped = droppable.first(where: kept.contains) {
                kept.removeAll { $0 == dropped }
            } else if let widest = long.max(by: { widths[$0] < widths[$1] }) {
                widths[widest] -= 1
            } else {
                break
            }
        }
    }
    return rows.flatMap { row -> [String] in
        var line = ""
        var rest: [String] = []
        for column in kept where column < row.count {
            var cell = row[column]
            if columns != nil, cell.count > widths[column] {
                if wrapsLast, column == kept.last {
                    rest = wrapped(cell, widths[column])
                    cell = rest.removeFirst()
                } else {
                    cell = String(cell.prefix(max(1, widths[column] - ellipsis.count))) + ellipsis
                }
            }
            line += cell
            if column != kept.last { line += String(repeating: " ", count: max(0, widths[column] - cell.count) + 2) }
        }
        while line.hasSuffix(" ") { line.removeLast() }
        let indent = String(repeating: " ", count: kept.dropLast().reduce(0) { $0 + widths[$1] + 2 })
        return [line] + rest.map { indent + $0 }
    }
}

/// A column is not made narrower than that.
private let leastColumn = 8

/// A text in lines of at most so many characters, broken at spaces; a longer word is broken anywhere.
func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
        var word = word
        if !line.isEmpty, line.count + 1 + word.count > width {
            lines.append(line)
            line = ""
        }
        while word.count > width {
            lines.append(String(word.prefix(width)))
            word = word.dropFirst(width)
        }
        line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(line)
    return lines
}
