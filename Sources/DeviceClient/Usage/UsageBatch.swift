/// Records on their way, added up by what they are for. Bounded: what comes beyond is dropped, and counted as dropped.
struct UsageBatch: Sendable {
    private(set) var records: [UsageRecord.Key: UsageRecord] = [:]
    private(set) var droppedCount = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { records.isEmpty }

    mutating func add(_ record: UsageRecord) {
        if records[record.key]?.merge(record) != nil { return }
        guard records.count < limit else {
            droppedCount += 1
            return
        }
        records[record.key] = record
    }

    /// Takes everything out.
    mutating func take() -> [UsageRecord] {
        defer { records = [:] }
        return Array(records.values)
    }

    mutating func remove(_ delivered: [UsageRecord]) {
        for record in delivered { records[record.key] = nil }
    }

    /// What is left cannot be delivered any more.
    mutating func drop() {
        droppedCount += records.count
        records = [:]
    }
}
