/// Records on their way, added up by what they are for. Bounded: what comes beyond is dropped, and counted as dropped.
package struct UsageBatch: Sendable {
    package private(set) var records: [UsageRecord.Key: UsageRecord] = [:]
    private(set) var droppedCount = 0
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    package var isEmpty: Bool { records.isEmpty }

    package mutating func add(_ record: UsageRecord) {
        if records[record.key]?.merge(record) != nil { return }
        guard records.count < limit else {
            droppedCount += 1
            return
        }
        records[record.key] = record
    }

    /// Takes everything out.
    package mutating func take() -> [UsageRecord] {
        defer { records = [:] }
        return Array(records.values)
    }

    package mutating func remove(_ delivered: [UsageRecord]) {
        for record in delivered { records[record.key] = nil }
    }

    /// What is left cannot be delivered any more.
    package mutating func drop() {
        droppedCount += records.count
        records = [:]
    }
}
