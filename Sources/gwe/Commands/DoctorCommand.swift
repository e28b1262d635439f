internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import Glibc
internal import Wire

struct DoctorCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what keeps this gateway from working, and say what mends it.",
        discussion: """
            Works without a daemon, offline, with a broken configuration and as any user: what this user may not see is \
            skipped. Writes nothing but a probe in the state folder, which it takes away (fsync). Takes less than half a \
            minute.

            Ends with 0 when no check has failed (warnings are allowed), with 1 when one has.
            """)

    static let examples: [(line: String, does: String)] = [
        ("gwe doctor", "every check, one line each"),
        ("gwe doctor dns proxy reachability", "only these"),
        ("gwe doctor --skip fsync", "all but this one"),
        ("gwe doctor --json | jq '.checks[] | select(.result != \"ok\")'", "for programs"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var manifest: ManifestOption
    @OptionGroup var output: OutputOptions

    @Argument(help: .init("Only these checks.", valueName: "check")) var checks: [String] = []
    @Option(parsing: .singleValue, help: .init("Leave a check out; may be repeated.", valueName: "check"))
    var skip: [String] = []
    @Flag(help: "List the checks and run none.") var list = false

    func run() throws {
        for id in checks + skip where !DoctorCheck.all.contains(where: { $0.id == id }) {
            let nearest = Suggestion.nearest(to: id, among: DoctorCheck.all.map(\.id))
            let question = nearest.map { "; did you mean \($0)?" } ?? "; 'gwe doctor --list' names them"
            tell("gwe: unknown check \(id)\(question)")
            throw finish(.usage)
        }
        let chosen = DoctorCheck.all.filter { (checks.isEmpty || checks.contains($0.id)) && !skip.contains($0.id) }
        if list { return show(chosen) }
        let scene = DoctorScene(
            folders: folders.folders, manifestFile: manifest.file.map { Folders.absolute($0, from: currentFolder()) },
            environment: variables)
        let text = DoctorText(terminal: Terminal(descriptor: STDOUT_FILENO))
        let isText = !output.json
        let report = Doctor.examine(scene, chosen) { row in
            if isText { for line in text.lines(row) { emit(line) } }
        }
        emit(isText ? text.summary(report) : report.document.jsonText(indented: true))
        throw finish(report.isWell ? .success : .failure)
    }

    private func show(_ checks: [DoctorCheck]) {
        guard output.json else {
            let terminal = Terminal(descriptor: STDOUT_FILENO)
            let rows = checks.map { [$0.id, $0.subject] }
            return table(rows, columns: terminal.columns, wrapsLast: true, ellipsis: terminal.ellipsis).forEach(emit)
        }
        emit(checks.map { DoctorCheckName(id: $0.id, subject: $0.subject) }.jsonText(indented: true))
    }

    /// What decides on proxies and preloaded libraries.
    private var variables: [String: String] {
        let names = [
            "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "LD_PRELOAD",
        ]
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in environmentVariable(name).map { (name, $0) } })
    }
}

/// `gwe doctor` for people: a line a check, below it what mends it.
struct DoctorText {
    let terminal: Terminal

    func lines(_ row: DoctorReport.Row) -> [String] {
        let (mark, word, style): (String, String, Terminal.Style) =
            switch row.finding.verdict {
            case .ok: ("✓", "ok", .green)
            case .warning: ("!", "warning", .yellow)
            case .failed: ("✗", "failed", .red)
            case .skipped: ("-", "skipped", .dim)
            }
        let head = terminal.isUTF8 ? "\(mark) \(word)" : word
        let width = terminal.isUTF8 ? 9 : 7
        let widest = DoctorCheck.all.map(\.id.count).max() ?? 0
        // Words wrap below their column; the first line begins with the mark, which has a colour.
        let indent = width + widest + 4
        let text = plain(row.finding.text)
        let texts = terminal.columns.map { wrapped(text, max(24, $0 - indent)) } ?? [text]
        var lines = texts.enumerated().map { number, text in
            number == 0
                ? terminal.paint(padded(head, width), style) + "  " + padded(row.id, widest) + "  " + text
                : String(repeating: " ", count: indent) + text
        }
        if let hint = row.finding.hint, row.finding.verdict > .skipped {
            lines.append(String(repeating: " ", count: width + 2) + plain("fix: \(hint)"))
        }
        return lines
    }

    func summary(_ report: DoctorReport) -> String {
        let counts: [(DoctorFinding.Verdict, String)] = [
            (.ok, "ok"), (.warning, report.count(.warning) == 1 ? "warning" : "warnings"), (.failed, "failed"),
            (.skipped, "skipped"),
        ]
        let text = counts.map { "\(report.count($0.0)) \($0.1)" }.joined(separator: ", ")
        return terminal.paint(text, .bold)
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// ASCII where the locale is not UTF-8; no character of control anywhere.
    private func plain(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.flatMap { scalar -> [Unicode.Scalar] in
                    if scalar.value < 32 || scalar.value == 127 { return ["?"] }
                    if terminal.isUTF8 || scalar.isASCII { return [scalar] }
                    switch scalar {
                    case "µ": return ["u"]
                    case "…": return [".", ".", "."]
                    default: return ["?"]
                    }
                }))
    }
}
