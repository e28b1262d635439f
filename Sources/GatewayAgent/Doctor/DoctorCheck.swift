public import Wire

/// What one check found, in one line, and what to do about it.
public struct DoctorFinding: Sendable, Hashable {
    /// How a check ended. The texts are those of `gwe doctor --json`.
    public enum Verdict: String, Sendable, Hashable, Comparable {
        case ok
        /// Nothing to find out: not configured, not permitted, not reached.
        case skipped
        case warning
        case failed

        private var rank: Int {
            switch self {
            case .ok: 0
            case .skipped: 1
            case .warning: 2
            case .failed: 3
            }
        }
        /// By how bad it is: ok, skipped, warning, failed.
        public static func < (a: Verdict, b: Verdict) -> Bool { a.rank < b.rank }
    }

    /// How the check ended.
    public var verdict: Verdict
    /// What was found, in one line.
    public var text: String
    /// What mends it; nil when there is nothing to mend.
    public var hint: String?

    init(_ verdict: Verdict, _ text: String, hint: String? = nil) {
        self.verdict = verdict
        // A finding is one line, whatever the error was that it tells.
        self.text = text.split(whereSeparator: \.isNewline).joined(separator: "; ")
        self.hint = hint
    }

    static func ok(_ text: String) -> DoctorFinding { DoctorFinding(.ok, text) }
    static func skipped(_ text: String) -> DoctorFinding { DoctorFinding(.skipped, text) }
    static func warning(_ text: String, hint: String? = nil) -> DoctorFinding {
        DoctorFinding(.warning, text, hint: hint)
    }
    static func failed(_ text: String, hint: String? = nil) -> DoctorFinding {
        DoctorFinding(.failed, text, hint: hint)
    }

    /// The worst of several, with the words of all that are as bad; the first of them has the hint.
    static func worst(of findings: [DoctorFinding]) -> DoctorFinding? {
        guard let verdict = findings.map(\.verdict).max() else { return nil }
        let chosen = findings.filter { $0.verdict == verdict }
        let text = chosen.map(\.text).joined(separator: "; ")
        return DoctorFinding(verdict, text, hint: chosen.compactMap(\.hint).first)
    }
}

/// A named check. Its id is an API: scripts skip and choose by it.
public struct DoctorCheck: Sendable {
    /// Its name: `gwe doctor NAME`.
    public var id: String
    /// What it looks at, for `gwe doctor --list`.
    public var subject: String
    /// Whether it needs the cloud's answer, which is asked for once for all checks.
    var needsCloud = false
    /// It is given up after this time.
    var limit: Duration = .seconds(3)
    var run: @Sendable (DoctorScene) -> DoctorFinding

    /// Every check, in the order in which they are run and shown: what explains the most comes first.
    public static let all: [DoctorCheck] = [
        .config, .manifest, .clock, .readOnly, .disk, .inodes, .sync, .journal, .queue, .trustStore, .dns, .proxy,
        .reachability, .token, .certificates, .signatures, .permissions, .daemon, .descriptors,
    ]
}

/// What all checks found.
public struct DoctorReport: Sendable {
    /// One check that was run.
    public struct Row: Sendable {
        /// The check's id.
        public var id: String
        /// What it found.
        public var finding: DoctorFinding
        /// How long it took; for the first check that needs the cloud, with the question to it.
        public var duration: Duration
    }

    /// In the order in which the checks were run.
    public var rows: [Row] = []

    /// How many checks ended like this.
    public func count(_ verdict: DoctorFinding.Verdict) -> Int { rows.count { $0.finding.verdict == verdict } }
    /// Whether no check has failed; a warning is no failure.
    public var isWell: Bool { count(.failed) == 0 }

    /// The report as others read it.
    public var document: DoctorDocument {
        DoctorDocument(
            checks: rows.map { row in
                DoctorDocument.Check(
                    id: row.id, result: row.finding.verdict.rawValue, message: row.finding.text,
                    hint: row.finding.hint, milliseconds: Int64(row.duration / .milliseconds(1)))
            })
    }
}
