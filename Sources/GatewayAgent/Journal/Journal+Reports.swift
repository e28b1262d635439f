internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Wire

extension Journal {
    /// What the cloud acknowledged last, by resource.
    func sentReports() throws(JournalError) -> [CloudResource: SentReport] {
        var sent: [CloudResource: SentReport] = [:]
        for row in try read("SELECT resource, text, sent_at FROM sent_report") {
            if let resource = row[0].string.flatMap(CloudResource.init), let text = row[1].string {
                sent[resource] = SentReport(text: text, at: WallTime(milliseconds: row[2].int ?? 0))
            }
        }
        return sent
    }

    /// - Parameter values: single values that are kept in the same transaction.
    func markSent(
        _ reports: [CloudWrite], noting values: [String: String] = [:]
    ) throws(JournalError) {
        guard !reports.isEmpty else { return }
        let now = clock().milliseconds
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            for report in reports {
                try c.execute(
                    "INSERT OR REPLACE INTO sent_report (resource, text, sent_at) VALUES (?, ?, ?)",
                    [.text(report.resource.rawValue), .text(report.text), .integer(now)])
            }
            for (key, value) in values { try c.setValue(key, value) }
        }
    }

    /// What is to be said of each artifact, the latest `limit` of them, oldest first.
    func fetchStatus(limit: Int = 10) throws(JournalError) -> [(artifact: String, state: FetchState)] {
        let rows = try read(
            "SELECT artifact, state FROM fetch_status ORDER BY updated_at DESC, artifact LIMIT ?",
            [.integer(Int64(limit))])
        return rows.reversed().compactMap { row in
            guard let artifact = row[0].string, let text = row[1].string,
                let state = try? FetchState(jsonText: text)
            else { return nil }
            return (artifact, state)
        }
    }

    func setFetchStatus(_ artifact: String, _ state: FetchState?) throws(JournalError) {
        let now = clock().milliseconds
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.setFetchStatus(artifact, state, at: WallTime(milliseconds: now))
        }
    }
}

extension DatabaseConnection {
    mutating func setFetchStatus(_ artifact: String, _ state: FetchState?, at now: WallTime) throws(DatabaseError) {
        guard let state else { return try execute("DELETE FROM fetch_status WHERE artifact = ?", [.text(artifact)]) }
        try execute(
            "INSERT OR REPLACE INTO fetch_status (artifact, state, updated_at) VALUES (?, ?, ?)",
            [.text(artifact), .text(state.jsonText()), .integer(now.milliseconds)])
        try execute(
            """
            DELETE FROM fetch_status WHERE artifact NOT IN
                (SELECT artifact FROM fetch_status ORDER BY updated_at DESC LIMIT 50)
            """)
    }
}
