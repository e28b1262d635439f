internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem
public import Wire

/// `gwe usage`: what was sent and received, per day or month, interface and consumer, and what is left of the budgets.
public enum UsageSummary {
    /// What one row stands for, and how far back the rows go.
    public enum Period: Sendable, Hashable {
        /// The last so many days, today included.
        case days(Int)
        /// All months that are kept.
        case months
    }

    /// Days and months are those of the calendar in UTC. Writes nothing.
    /// - Throws: `DatabaseError` or `JournalError`.
    public static func make(_ context: GatewayContext, _ period: Period) throws -> UsageDocument {
        let store = try UsageStore.openReadOnly(stateFolder: context.folders.stateFolder)
        let days = try store?.days() ?? []
        let ledger = DataBudgetLedger(context: context)
        let rows: [UsageDocument.Row]
        switch period {
        case .days(let count):
            let today = UsageDay(unixSeconds: ledger.believed(days).milliseconds / 1_000)
            let first = UsageDay(number: today.number - Int64(count) + 1)
            rows = days.filter { $0.day >= first || $0.day.number == 0 }.map { row(.day(date(of: $0)), $0) }
        case .months:
            rows = try (store?.months() ?? []).map { row(.month(date(of: $0).map { String($0.prefix(7)) }), $0) }
        }
        let policy = try policy(context)
        let budgets = policy.dataBudget.sorted { $0.key < $1.key }.map { ledger.allowance(of: $0.key, $0.value, days) }
        return UsageDocument(rows: rows, budgets: budgets.map(UsageDocument.Budget.init))
    }

    /// nil: counted before the clock could be believed.
    private static func date(of total: UsageTotal) -> String? {
        total.day.number == 0 ? nil : total.day.description
    }

    private static func row(_ period: UsageDocument.Period, _ total: UsageTotal) -> UsageDocument.Row {
        UsageDocument.Row(
            period: period, interface: total.interface, identity: total.identity, requests: total.count,
            sentByteCount: total.sentByteCount, receivedByteCount: total.receivedByteCount,
            sentWithHeaders: total.sentWithHeaders, receivedWithHeaders: total.receivedWithHeaders)
    }

    private static func policy(_ context: GatewayContext) throws(JournalError) -> Policy {
        let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        return inputs.merged(installed: try journal?.apps().compactMapValues { $0.current?.wish } ?? [:]).policy
    }
}

extension UsageDocument.Budget {
    fileprivate init(_ allowance: DataAllowance) {
        self.init(
            interface: allowance.interface, budget: allowance.budget.description,
            byteCount: allowance.budget.byteCount, usedByteCount: allowance.usedByteCount,
            leftByteCount: allowance.remainingByteCount, renewal: allowance.renewal)
    }
}
