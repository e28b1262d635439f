internal import GatewaySystem

/// The tables of df(1) and free(1): made as their GNU and procps versions make them, and read back.
enum DeviceInfoTables {
    /// 1K-blocks. Columns are as wide as their longest cell, figures right-aligned.
    static func df(_ fileSystems: [KernelInfo.FileSystemUse]) -> String {
        var rows = [["Filesystem", "1K-blocks", "Used", "Available", "Use%", "Mounted on"]]
        for use in fileSystems {
            let percent = use.usedPercent.map { "\($0)%" } ?? "-"
            let figures = [use.total, use.used, use.available].map { String($0) }
            rows.append([use.device] + figures + [percent, use.mountPoint])
        }
        let least = [14, 9, 5, 9, 4, 0]
        let widths = least.indices.map { column in rows.reduce(least[column]) { max($0, $1[column].count) } }
        return rows.map { row in
            let cells = row.indices.map { column in
                switch column {
                case 0: padded(row[0], to: widths[0])
                case row.count - 1: row[column]
                default: padded(row[column], to: widths[column], right: true)
                }
            }
            return cells.joined(separator: " ")
        }.joined(separator: "\n")
    }

    /// KiB, in the columns of procps-ng 4.
    static func free(_ memory: KernelInfo.Memory) -> String {
        func row(_ label: String, _ cells: [String]) -> String {
            padded(label, to: 8) + cells.map { padded($0, to: 12, right: true) }.joined()
        }
        let ram = [memory.total, memory.used, memory.free, memory.shared, memory.cache, memory.available]
        let swap = [memory.swapTotal, memory.swapTotal - memory.swapFree, memory.swapFree]
        let head = row("", ["total", "used", "free", "shared", "buff/cache", "available"])
        let rows = [head, row("Mem:", ram.map { String($0) }), row("Swap:", swap.map { String($0) })]
        return rows.joined(separator: "\n")
    }

    /// Total and used KiB by mount point, from the text of `df`.
    static func readDF(_ text: String) -> [String: (total: Int64, used: Int64)] {
        var found: [String: (total: Int64, used: Int64)] = [:]
        for line in text.split(separator: "\n").dropFirst() {
            // A device's name may hold blanks, so the figures are found from the percentage.
            let cells = line.split(separator: " ")
            let percents = cells.indices.dropFirst(4).filter { cells[$0] == "-" || cells[$0].hasSuffix("%") }
            guard let percent = percents.first, percent + 1 < cells.count,
                let total = Int64(cells[percent - 3]), let used = Int64(cells[percent - 2])
            else { continue }
            found[cells[(percent + 1)...].joined(separator: " ")] = (total, used)
        }
        return found
    }

    /// Total and used KiB of memory, from the text of `free`.
    static func readFree(_ text: String) -> (total: Int64, used: Int64)? {
        for line in text.split(separator: "\n") {
            let cells = line.split(separator: " ")
            guard cells.first == "Mem:", cells.count >= 3, let total = Int64(cells[1]), let used = Int64(cells[2])
            else { continue }
            return (total, used)
        }
        return nil
    }

    private static func padded(_ text: String, to width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return right ? space + text : text + space
    }
}
