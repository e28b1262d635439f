public import GatewayModel
internal import GatewaySystem

extension Journal {
    /// How many passes are kept for `gwe history`.
    static let keptOperations: Int64 = 200
    /// Of those, the oldest go when all together have more steps than this: the file is checked at every opening, which
    /// must not take the longer the older a gateway is. The latest pass stays whole.
    static let keptSteps: Int64 = 2_000

    /// Records that a pass begins to change something, and closes what a crash left open. Returns its number.
    func beginOperation(reason: String, bootID: String) throws(JournalError) -> Int64 {
        let now = clock().milliseconds
        // What is left behind before the first record that is durable, a pass sweeps without it (`ReleaseStore.leftovers`).
        return try write(isDurable: false) { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.closeInterruptedOperations(at: now)
            try c.execute(
                "INSERT INTO operation (reason, boot_id, started_at) VALUES (?, ?, ?)",
                [.text(reason), .text(bootID), .integer(now)])
            let id = c.lastInsertID
            try c.execute(
                """
                DELETE FROM operation
                WHERE id <= ? OR id < (SELECT operation FROM step ORDER BY id DESC LIMIT 1 OFFSET ?)
                """, [.integer(id - Journal.keptOperations), .integer(Journal.keptSteps)])
            return id
        }
    }

    /// Whether a pass changed something and was stopped before its end. Passes come one after the other.
    func hasInterruptedOperation() throws(JournalError) -> Bool {
        try !read("SELECT 1 FROM operation WHERE finished_at IS NULL LIMIT 1").isEmpty
    }

    /// The apps whose install step was begun and neither ended nor was closed.
    func interruptedInstalls() throws(JournalError) -> Set<AppName> {
        let rows = try read(
            "SELECT app FROM step WHERE step = ? AND outcome = 'started'", [.text(Step.install.rawValue)])
        return Set(rows.compactMap { $0[0].string.flatMap(AppName.init) })
    }

    func closeInterruptedOperations() throws(JournalError) {
        let now = clock().milliseconds
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in try c.closeInterruptedOperations(at: now) }
    }

    func finishOperation(_ id: Int64, outcome: String, summary: String) throws(JournalError) {
        let now = clock().milliseconds
        try write(isDurable: false) { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute(
                "UPDATE operation SET finished_at = ?, outcome = ?, summary = ? WHERE id = ?",
                [.integer(now), .text(outcome), .text(summary), .integer(id)])
        }
    }

    /// Attempts at a release that failed, per app.
    func quarantines(wishes: [AppName: ReleaseWish]) throws(JournalError) -> [AppName: Quarantine] {
        let now = clock()
        var found: [AppName: Quarantine] = [:]
        for row in try read("SELECT app, wish, failures, next_at, error FROM attempt WHERE failures > 0") {
            guard let app = row[0].string.flatMap(AppName.init), let wish = wishes[app], row[1].string == wish.key
            else {
                continue
            }
            let failures = Int(row[2].int ?? 0)
            // A clock that was set back must not lengthen the wait, and one in doubt must not end it.
            let next = WallTime(milliseconds: row[3].int ?? 0)
            let delay = RetryDelay.after(failures: failures)
            let remaining = next.isInDoubt == now.isInDoubt ? min(now.duration(to: next), delay) : delay
            found[app] = Quarantine(
                wish: wish, attempts: failures, remaining: remaining, lastError: row[4].string ?? "")
        }
        return found
    }

    /// Of each app whose last step failed, why.
    func lastFailures() throws(JournalError) -> [AppName: String] {
        let rows = try read(
            "SELECT app, message FROM step WHERE id IN (SELECT MAX(id) FROM step GROUP BY app) AND outcome = ?",
            [.text(StepOutcome.failed.rawValue)])
        var failures: [AppName: String] = [:]
        for row in rows {
            guard let app = row[0].string.flatMap(AppName.init), let message = row[1].string, !message.isEmpty else {
                continue
            }
            failures[app] = message
        }
        return failures
    }

    /// The passes that changed something, newest first, as `gwe history` shows them.
    public func operations(limit: Int) throws(JournalError) -> [OperationRecord] {
        try read("SELECT * FROM operation ORDER BY id DESC LIMIT ?", [.integer(Int64(limit))]).map(OperationRecord.init)
    }

    /// The apps that passes did something to, by name; no key for a pass without steps.
    /// - Parameter first: the number of the first pass that is looked at.
    public func appsOfOperations(from first: Int64) throws(JournalError) -> [Int64: [String]] {
        var apps: [Int64: [String]] = [:]
        let rows = try read(
            "SELECT DISTINCT operation, app FROM step WHERE operation >= ? ORDER BY operation, app", [.integer(first)])
        for row in rows {
            guard let operation = row[0].int, let app = row[1].string else { continue }
            apps[operation, default: []].append(app)
        }
        return apps
    }

    /// One pass with its steps, in order; nil when it is not known (any more).
    public func operation(_ id: Int64) throws(JournalError) -> (OperationRecord, [StepRecord])? {
        guard let row = try read("SELECT * FROM operation WHERE id = ?", [.integer(id)]).first else { return nil }
        let steps = try read("SELECT * FROM step WHERE operation = ? ORDER BY id", [.integer(id)])
        return (OperationRecord(row), steps.map(StepRecord.init))
    }
}

/// A pass that changed something.
public struct OperationRecord: Sendable {
    /// Its number, which `gwe history` takes; later passes have higher ones.
    public var id: Int64
    /// Why the pass ran, in words.
    public var reason: String
    /// When it began to change something; in doubt where the clock was (`WallTime.inDoubt`).
    public var startedAt: WallTime
    /// When it ended, or was closed after a crash; nil while it is open.
    public var finishedAt: WallTime?
    /// nil while it runs, or after a crash until the next pass closes it.
    public var outcome: String?
    /// The last line of its plan; empty until it ends.
    public var summary: String

    init(_ row: Row) {
        id = row["id"].int ?? 0
        reason = row["reason"].string ?? ""
        startedAt = WallTime(milliseconds: row["started_at"].int ?? 0)
        finishedAt = row["finished_at"].int.map(WallTime.init)
        outcome = row["outcome"].string
        summary = row["summary"].string ?? ""
    }
}

/// A step of a pass.
public struct StepRecord: Sendable {
    /// The app's name.
    public var app: String
    /// Which step, by the text of `Step`.
    public var step: String
    /// When it began.
    public var startedAt: WallTime
    /// When it ended, or was closed after a crash; nil while it is open.
    public var finishedAt: WallTime?
    /// How it ended, by the text of `StepOutcome`; `interrupted` where a crash left it open.
    public var outcome: String
    /// What it has to say, in words; empty for nothing.
    public var message: String

    init(_ row: Row) {
        app = row["app"].string ?? ""
        step = row["step"].string ?? ""
        startedAt = WallTime(milliseconds: row["started_at"].int ?? 0)
        finishedAt = row["finished_at"].int.map(WallTime.init)
        outcome = row["outcome"].string ?? ""
        message = row["message"].string ?? ""
    }
}

extension ReleaseWish {
    /// One text per distinct wish, for the attempts table; `DatabaseConnection.attemptedArtifact` reads its end.
    var key: String {
        let place =
            switch location {
            case .content(let name): "content:\(name)"
            case .url(let url): "url:\(url)"
            case .path(let path): "path:\(path)"
            }
        return "\(version) \(sha256?.hex ?? "-") \(commandNumber) \(place)"
    }
}

extension ArtifactLocation {
    /// Reads what `ReleaseWish.key` ends with.
    fileprivate init?(place: Substring) {
        let parts = place.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let text = String(parts[1])
        switch parts[0] {
        case "content": self = .content(text)
        case "url": self = .url(text)
        case "path": self = .path(text)
        default: return nil
        }
    }
}

extension DatabaseConnection {
    mutating func closeInterruptedOperations(at now: Int64) throws(DatabaseError) {
        try execute(
            "UPDATE step SET outcome = 'interrupted', finished_at = ? WHERE outcome = 'started'", [.integer(now)])
        try execute(
            "UPDATE operation SET outcome = 'interrupted', finished_at = ? WHERE finished_at IS NULL", [.integer(now)])
    }

    mutating func startStep(
        _ step: Step, of app: AppName, operation: Int64, at now: WallTime
    ) throws(DatabaseError) {
        try execute(
            "INSERT INTO step (operation, app, step, started_at, outcome, message) VALUES (?, ?, ?, ?, 'started', '')",
            [.integer(operation), .text(app.text), .text(step.rawValue), .integer(now.milliseconds)])
    }

    /// Ends the step of that kind that the operation has begun for the app.
    mutating func finishStep(
        _ step: Step, of app: AppName, operation: Int64, _ outcome: StepOutcome, message: String, at now: WallTime
    ) throws(DatabaseError) {
        try execute(
            """
            UPDATE step SET finished_at = ?, outcome = ?, message = ?
            WHERE operation = ? AND app = ? AND step = ? AND outcome = 'started'
            """,
            [
                .integer(now.milliseconds), .text(outcome.rawValue), .text(message), .integer(operation),
                .text(app.text), .text(step.rawValue),
            ])
    }

    /// Counts an attempt before it starts: a release that takes the gateway down is counted too.
    mutating func countAttempt(_ app: AppName, _ wish: ReleaseWish, at now: WallTime) throws(DatabaseError) {
        try execute(
            """
            INSERT INTO attempt (app, wish, count, failures, last_at, next_at, error) VALUES (?1, ?2, 1, 0, ?3, ?3, '')
            ON CONFLICT (app) DO UPDATE SET
                count = CASE WHEN wish = ?2 THEN count + 1 ELSE 1 END,
                failures = CASE WHEN wish = ?2 THEN failures ELSE 0 END,
                wish = ?2, last_at = ?3
            """,
            [.text(app.text), .text(wish.key), .integer(now.milliseconds)])
    }

    mutating func recordFailure(
        _ app: AppName, error: String, nextAttempt: (_ failures: Int) -> WallTime
    ) throws(DatabaseError) {
        let failures = try query("SELECT failures FROM attempt WHERE app = ?", [.text(app.text)]).first?[0].int ?? 0
        try execute(
            "UPDATE attempt SET failures = ?, next_at = ?, error = ? WHERE app = ?",
            [
                .integer(failures + 1), .integer(nextAttempt(Int(failures) + 1).milliseconds), .text(error),
                .text(app.text),
            ])
    }

    /// The name under which `fetch_status` knows the artifact of the last attempt; nil without one.
    mutating func attemptedArtifact(of app: AppName) throws(DatabaseError) -> String? {
        let key = try query("SELECT wish FROM attempt WHERE app = ?", [.text(app.text)]).first?[0].string
        guard let place = key?.split(separator: " ", maxSplits: 3).last,
            let location = ArtifactLocation(place: place)
        else { return nil }
        return location.label
    }

    mutating func clearAttempts(_ app: AppName) throws(DatabaseError) {
        try execute("DELETE FROM attempt WHERE app = ?", [.text(app.text)])
    }
}
