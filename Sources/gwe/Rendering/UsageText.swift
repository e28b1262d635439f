internal import Documents
internal import Wire

/// `gwe usage` for people: a row per day or month, interface and consumer, then the budgets.
struct UsageText {
    let usage: UsageDocument
    let isMonthly: Bool
    let terminal: Terminal

    var isEmpty: Bool { usage.rows.isEmpty }

    var lines: [String] {
        let budgets = usage.budgets.map { budget in
            "budget of \(budget.interface): \(byteText(budget.usedByteCount)) of \(budget.budget) used, "
                + "\(byteText(budget.leftByteCount)) left until \(budget.renewal) (UTC)"
        }
        .flatMap { line in terminal.columns.map { wrapped(line, max(24, $0)) } ?? [line] }
        guard !isEmpty else { return budgets }
        let head = [
            isMonthly ? "MONTH" : "DAY", "INTERFACE", "CONSUMER", "REQUESTS", "SENT", "RECEIVED", "WITH HEADERS",
        ]
        let cells = usage.rows.map { row in
            [
                row.period.date ?? "undated", name(row.interface), name(row.identity), "\(row.requests)",
                byteText(row.sentByteCount), byteText(row.receivedByteCount),
                byteText(row.sentWithHeaders.saturating(adding: row.receivedWithHeaders)),
            ]
        }
        // What budgets count stays longest: the sum with headers.
        let rows = table(
            [head] + cells, columns: terminal.columns, droppable: [3, 4, 5], ellipsis: terminal.ellipsis)
        return rows + (budgets.isEmpty ? [] : [""]) + budgets
    }

    private func name(_ text: String) -> String { text.isEmpty ? "-" : text }
}
