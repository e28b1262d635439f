internal import GatewayModel
internal import Wire

/// A plan for people: the drift note, a line per app with its steps, the footer.
struct PlanText {
    let plan: PlanDocument
    let terminal: Terminal

    var lines: [String] {
        var lines = driftLines
        lines += plan.notes.map { "note: \($0)" }
        lines += plan.errors.map { terminal.paint("error: \($0)", .red) }
        for app in plan.apps { lines += appLines(app) }
        if let shortfall = plan.shortfall {
            let needed = byteText(shortfall.neededByteCount)
            let free = byteText(shortfall.freeByteCount)
            lines.append(terminal.paint("not enough space: about \(needed) needed, \(free) free", .red))
        }
        if !lines.isEmpty { lines.append("") }
        lines.append(terminal.paint(plan.summary, .bold))
        return lines
    }

    private var driftLines: [String] {
        guard !plan.drift.isEmpty else { return [] }
        let mark = terminal.isUTF8 ? "≠" : "!="
        var lines = ["Drift: the gateway differs from its desired state."]
        for entry in plan.drift.entries {
            lines += entry.value.map { "  \(mark) \(entry.name): \($0.message)" }
        }
        return lines + [""]
    }

    private func appLines(_ app: PlannedApp) -> [String] {
        var versions: String
        switch (app.from, app.to) {
        case (let from?, let to?): versions = from == to ? to.text : "\(from) -> \(to)"
        case (let one?, nil), (nil, let one?): versions = one.text
        case (nil, nil): versions = ""
        }
        if !versions.isEmpty { versions = " " + versions }
        var lines = [
            "\(terminal.paint(app.symbol, style(app.action.known))) \(terminal.paint(app.app.text, .bold))\(versions)  "
                + "\(app.action.text): \(app.reason)  [\(app.source)]"
        ]
        let steps = app.steps.map(\.text)
        guard !steps.isEmpty else { return lines }
        var facts = [steps.joined(separator: terminal.isUTF8 ? " → " : " > ")]
        if app.steps.contains(Word(.download)) {
            facts.append(app.downloadByteCount.map { "\(byteText($0)) to download" } ?? "download size not known")
        }
        if let disk = app.diskByteCount, disk > 0 { facts.append("about \(byteText(disk)) of disk") }
        facts.append(app.interrupts ? "interrupts the app" : "no interruption")
        lines.append("    " + facts.joined(separator: "; "))
        if let deferral = app.deferred { lines.append("    waits: \(deferral)") }
        return lines
    }

    private func style(_ action: AppPlan.Action?) -> Terminal.Style? {
        switch action {
        case .install: .green
        case .upgrade, .restart, .downgrade: .yellow
        case .remove, .blocked: .red
        case .repair: .cyan
        case .held, nil: nil
        }
    }
}
