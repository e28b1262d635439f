internal import DeviceClient
public import Documents
internal import GatewayModel
internal import GatewaySystem

/// `gwe usage`: what was sent and received, per day or month, interface and consumer, and what is left of the budgets.
public enum UsageSummary {
    public enum Period: Sendable, Hashable {
        /// The last so many days, today included.
        case days(Int)
        case months
    }

    /// Days and months are those of the calendar in UTC. Writes nothing.
    /// - Throws: `DatabaseError` or `JournalError`.
    public static func make(_ context: GatewayContext, _ period: Period) throws -> JSONValue {
        let store = try UsageStore.openReadOnly(stateFolder: context.folders.stateFolder)
        let days = try store?.days() ?? []
        let ledger = DataBudgetLedger(context: context)
        let rows: [(String, UsageTotal)]
        switch period {
        case .days(let count):
            let today = UsageDay(unixSeconds: ledger.believed(days).milliseconds / 1_000)
            let first = UsageDay(number: today.number - Int64(count) + 1)
            rows = days.filter { $0.day >= first || $0.day.number == 0 }.map { ($0.day.description, $0) }
        case .months:
            rows = try (store?.months() ?? []).map { (String($0.day.description.prefix(7)), $0) }
        }
        let key = period == .months ? "month" : "day"
        let policy = try policy(context)
        let budgets = policy.dataBudget.sorted { $0.key < $1.key }.map { ledger.allowance(of: $0.key, $0.value, days) }
        return [
            "schema": "gwe/v1",
            "usage": .array(rows.map { json($0.1, key, $0.1.day.number == 0 ? nil : $0.0) }),
            "budgets": .array(budgets.map(\.json)),
        ]
    }

    private static func json(_ total: UsageTotal, _ key: String, _ date: String?) -> JSONValue {
        .object([
            // Without one: counted before the clock could be believed.
            (key, date.map(JSONValue.string) ?? .null), ("interface", .string(total.interface)),
            ("identity", .string(total.identity)), ("requests", .int(total.count)),
            ("sent_bytes", .int(total.sentByteCount)), ("received_bytes", .int(total.receivedByteCount)),
            ("sent_bytes_with_headers", .int(total.sentWithHeaders)),
            ("received_bytes_with_headers", .int(total.receivedWithHeaders)),
        ])
    }

    private static func policy(_ context: GatewayContext) throws(JournalError) -> Policy {
        let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        return inputs.merged(installed: try journal?.apps().compactMapValues { $0.current?.wish } ?? [:]).policy
    }
}

extension DataAllowance {
    fileprivate var json: JSONValue {
        [
            "interface": .string(interface), "budget": .string(budget.description),
            "budget_bytes": .int(budget.byteCount), "used_bytes": .int(usedByteCount),
            "left_bytes": .int(remainingByteCount), "renewed": .string(renewal),
        ]
    }
}
