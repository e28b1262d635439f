internal import Documents

/// `gwe usage` for people: a row per day or month, interface and consumer, then the budgets.
struct UsageText {
    let usage: JSONValue
    let isMonthly: Bool

    private var rows: [JSONValue] { usage["usage"]?.elements ?? [] }

    var isEmpty: Bool { rows.isEmpty }

    var lines: [String] {
        let budgets = (usage["budgets"]?.elements ?? []).map(budgetLine)
        guard !rows.isEmpty else { return budgets }
        let date = isMonthly ? "month" : "day"
        let head = [date.uppercased(), "INTERFACE", "CONSUMER", "REQUESTS", "SENT", "RECEIVED", "WITH HEADERS"]
        let cells = rows.map { row in
            let number = { (key: String) in row[key]?.int ?? 0 }
            return [
                row[date]?.string ?? "undated", name(row["interface"]), name(row["identity"]), "\(number("requests"))",
                byteText(number("sent_bytes")), byteText(number("received_bytes")),
                byteText(
                    number("sent_bytes_with_headers").saturating(adding: number("received_bytes_with_headers"))),
            ]
        }
        return table([head] + cells) + (budgets.isEmpty ? [] : [""]) + budgets
    }

    private func name(_ value: JSONValue?) -> String {
        let text = value?.string ?? ""
        return text.isEmpty ? "-" : text
    }

    private func budgetLine(_ budget: JSONValue) -> String {
        let text = { (key: String) in budget[key]?.string ?? "" }
        let number = { (key: String) in byteText(budget[key]?.int ?? 0) }
        return "budget of \(text("interface")): \(number("used_bytes")) of \(text("budget")) used, "
            + "\(number("left_bytes")) left until \(text("renewed")) (UTC)"
    }
}
