internal import Documents

/// A plan for people: the drift note, a line per app with its steps, the footer.
struct PlanText {
    let plan: JSONValue
    let terminal: Terminal

    var lines: [String] {
        var lines = driftLines
        for note in plan["notes"]?.elements ?? [] { lines.append("note: \(note.string ?? "")") }
        for error in plan["errors"]?.elements ?? [] {
            lines.append(terminal.paint("error: \(error.string ?? "")", .red))
        }
        for app in plan["apps"]?.elements ?? [] { lines += appLines(app) }
        if let shortfall = plan["shortfall"] {
            let needed = byteText(shortfall["needed_bytes"]?.int ?? 0)
            lines.append(
                terminal.paint(
                    "not enough space: about \(needed) needed, \(byteText(shortfall["free_bytes"]?.int ?? 0)) free",
                    .red))
        }
        if !lines.isEmpty { lines.append("") }
        lines.append(terminal.paint(plan["summary"]?.string ?? "", .bold))
        return lines
    }

    private var driftLines: [String] {
        let drift = plan["drift"]?.members ?? []
        guard !drift.isEmpty else { return [] }
        let mark = terminal.isUTF8 ? "≠" : "!="
        var lines = ["Drift: the gateway differs from its desired state."]
        for (app, kinds) in drift {
            for kind in kinds.elements ?? [] { lines.append("  \(mark) \(app): \(kind["message"]?.string ?? "")") }
        }
        return lines + [""]
    }

    private func appLines(_ app: JSONValue) -> [String] {
        let symbol = app["symbol"]?.string ?? " "
        let from = app["from"]?.string
        let to = app["to"]?.string
        var versions: String
        switch (from, to) {
        case (let from?, let to?): versions = from == to ? to : "\(from) -> \(to)"
        case (let one?, nil), (nil, let one?): versions = one
        case (nil, nil): versions = ""
        }
        if !versions.isEmpty { versions = " " + versions }
        let reason = app["reason"]?.string ?? ""
        var lines = [
            "\(terminal.paint(symbol, style(symbol))) \(terminal.paint(app["app"]?.string ?? "", .bold))\(versions)  "
                + "\(app["action"]?.string ?? ""): \(reason)  [\(app["source"]?.string ?? "")]"
        ]
        let steps = (app["steps"]?.elements ?? []).compactMap(\.string)
        guard !steps.isEmpty else { return lines }
        var facts = [terminal.isUTF8 ? steps.joined(separator: " → ") : steps.joined(separator: " > ")]
        if steps.contains("download") {
            facts.append(app["download_bytes"]?.int.map { "\(byteText($0)) to download" } ?? "download size not known")
        }
        if let disk = app["disk_bytes"]?.int, disk > 0 { facts.append("about \(byteText(disk)) of disk") }
        facts.append(app["interrupts"]?.bool == true ? "interrupts the app" : "no interruption")
        lines.append("    " + facts.joined(separator: "; "))
        if let deferral = app["deferred"]?.string { lines.append("    waits: \(deferral)") }
        return lines
    }

    private func style(_ symbol: String) -> Terminal.Style? {
        switch symbol {
        case "+": .green
        case "~", "^", "<": .yellow
        case "-", "?": .red
        case "!": .cyan
        default: nil
        }
    }
}
