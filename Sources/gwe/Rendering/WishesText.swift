internal import GatewayModel
internal import Wire

/// `gwe status --wishes` for people: a row per wish.
struct WishesText {
    let wishes: [WishesDocument.Wish]
    let terminal: Terminal

    var isEmpty: Bool { wishes.isEmpty }

    var lines: [String] {
        guard !isEmpty else { return [] }
        let rows = wishes.map { wish in
            [
                wish.app.text, wish.wish.text, wish.version?.text ?? "-", wish.since ?? "-", wish.takenBackBy,
            ]
        }
        return table(
            [["APP", "WISH", "VERSION", "SINCE", "TAKEN BACK BY"]] + rows, columns: terminal.columns,
            droppable: [2, 3], wrapsLast: true, ellipsis: terminal.ellipsis)
    }
}
