internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem
internal import Wire

/// The way of `usage_report` to the cloud (D8): an interval of counts is frozen, sent unchanged until the cloud has
/// acknowledged it, then forgotten. It rides in the pass's one write-and-read.
///
/// The journal's transaction that notes the acknowledgement is what counts: an interval that it names is only forgotten,
/// never sent again. One that an earlier pass froze and nobody acknowledged may have arrived or not: the cloud is asked
/// in the same request what it has, and only if that is something else the report is sent. So a crash at any point loses
/// nothing and counts nothing twice. One case is open: when the report before had the very same text, the cloud's answer
/// says nothing, and the report is sent (again).
///
/// A report that the cloud refuses must not cost the pass: the pass's request is repeated without it, and the report is left
/// alone for a day; meanwhile counts go on adding up, within their limits.
struct UsageDelivery {
    let text: String
    private let interval: Int64
    private let store: UsageStore
    private let journal: Journal
    /// Whether the cloud has this report, or may have it, is to be seen from what it answers.
    private let isDoubtful: Bool

    /// Where the journal keeps the interval that the cloud acknowledged last.
    static let acknowledgedKey = "usage_report_interval"
    /// Where it keeps when the cloud last refused one: milliseconds since 1970.
    static let refusedKey = "usage_report_refused"

    /// What is due now; nil when nothing is. Freezes what was counted so far.
    /// - Parameter isForced: also what could wait.
    static func due(
        _ context: GatewayContext, _ journal: Journal, isForced: Bool = false, report: (String) -> Void
    ) throws(JournalError) -> UsageDelivery? {
        let sent = try journal.sentReports()[.usageReport]
        if !isForced, try isRefused(context, journal) { return nil }
        let acknowledged = try journal.value(acknowledgedKey).flatMap { Int64($0) }
        do throws(DatabaseError) {
            let folder = context.folders.stateFolder
            guard let counts = try UsageStore.openReadOnly(stateFolder: folder) else { return nil }
            let left = try counts.frozen()
            let isNewsDue = try isDue(counts.open(), sent: sent?.at, context)
            guard left != nil || isForced || isNewsDue else { return nil }
            let store = try UsageStore.open(stateFolder: folder)
            var isDoubtful = false
            if let left {
                let text = UsageReport(left.entries).jsonText()
                if left.id == acknowledged, text == sent?.text {
                    try store.forget(left.id)
                    FaultPoint.pass("usage.forgotten")
                    guard isForced || isNewsDue else { return nil }
                } else {
                    isDoubtful = sent?.text != text
                }
            }
            guard let interval = try store.freeze(), !interval.entries.isEmpty else { return nil }
            FaultPoint.pass("usage.frozen")
            return UsageDelivery(
                text: UsageReport(interval.entries).jsonText(), interval: interval.id, store: store, journal: journal,
                isDoubtful: isDoubtful)
        } catch {
            report("\(error); usage_report waits")
            return nil
        }
    }

    /// What goes out and what is asked back in the pass's request.
    var writes: [CloudWrite] { isDoubtful ? [] : [CloudWrite(.usageReport, text)] }
    var reads: [CloudResource] { isDoubtful ? [.usageReport] : [] }

    /// Whether the cloud has the report, once that request was answered. If not, it is to be sent by itself.
    func hasArrived(_ values: [CloudResource: String]) -> Bool { !isDoubtful || values[.usageReport] == text }

    /// Notes that the cloud has the report, and forgets the interval.
    func acknowledge(report: (String) -> Void) throws(JournalError) {
        FaultPoint.pass("usage.arrived")
        try journal.markSent([CloudWrite(.usageReport, text)], noting: [Self.acknowledgedKey: String(interval)])
        if try journal.value(Self.refusedKey) != nil { try journal.setValue(Self.refusedKey, nil) }
        FaultPoint.pass("usage.acknowledged")
        do throws(DatabaseError) { try store.forget(interval) } catch { report("\(error)") }
        FaultPoint.pass("usage.forgotten")
    }

    /// Whether a failure may be the report's fault: the cloud does not take the request, whoever sends it.
    static func isRefusal(_ failure: CloudFailure) -> Bool { failure.trouble == .refused && !failure.isAboutToken }

    /// Notes that the cloud refuses the report: it waits a day.
    func refuse(_ context: GatewayContext) throws(JournalError) {
        try journal.setValue(Self.refusedKey, String(context.clock().milliseconds))
    }

    private static func isRefused(_ context: GatewayContext, _ journal: Journal) throws(JournalError) -> Bool {
        guard let time = try journal.value(refusedKey).flatMap({ Int64($0) }) else { return false }
        let refused = WallTime(milliseconds: time)
        let now = context.clock()
        return now >= refused && refused.duration(to: now) < Reports.repetition
    }

    /// The report as it would be sent now; nil when nothing was counted. Writes nothing.
    static func preview(_ context: GatewayContext) throws(DatabaseError) -> UsageReport? {
        guard let store = try UsageStore.openReadOnly(stateFolder: context.folders.stateFolder) else { return nil }
        if let frozen = try store.frozen() { return UsageReport(frozen.entries) }
        return try store.open().map { UsageReport($0.entries) }
    }

    // MARK: When

    /// Whether counts are worth sending: when something else than gwe's own loop was counted, or after a day.
    static func isDue(_ interval: UsageInterval?, sent: WallTime?, _ context: GatewayContext) -> Bool {
        guard let entries = interval?.entries, !entries.isEmpty else { return false }
        let now = context.clock()
        guard let sent, now >= sent, sent.duration(to: now) < Reports.repetition else { return true }
        let identity = (try? Identity.resolve(context.configuration).text) ?? ""
        return !entries.allSatisfy { isOwnLoop($0, identity: identity) }
    }

    /// Whether these are requests that an agent with nothing to do makes: they alone are no reason for more traffic.
    static func isOwnLoop(_ entry: UsageEntry, identity: String) -> Bool {
        let isOwn = entry.resources.allSatisfy { CloudResource(rawValue: $0) != nil }
        guard entry.identity == identity, isOwn else { return false }
        switch entry.method {
        case .readWrite, .write, .longPoll, .publish, .subscribe: return true
        // One resource alone is asked for when a command stands in it, or by hand.
        case .read: return entry.resources.count > 1
        case .get, .post, .record, .activate, .listContent, .getContent, .contentInfo: return false
        }
    }
}
