internal import GatewayModel
internal import GatewaySystem

/// How reports go out, whoever sends them: a pass at its beginning, while it works and at its end, and `gwe report`. What
/// the cloud has taken is noted in the journal before anything else happens, so that a crash sends a report twice at the
/// worst, and never takes one for sent that is not.
struct ReportDelivery {
    let context: GatewayContext
    let journal: Journal
    let cloud: any CloudLink
    let emit: @Sendable (PassEvent) -> Void
    /// Hears what the store of counts could not do; nil: `emit` does.
    var storageProblem: (@Sendable (String) -> Void)?

    /// Sends reports in one request, and reads in the same. `usage_report` rides along; where the cloud refuses the
    /// request and that report may be the reason, all else goes out without it.
    ///
    /// - Parameter usage: what is due of `usage_report`. It is acknowledged, or sent by itself where the cloud does not
    ///   have it after all; when that fails, the counts wait, and `emit` is told.
    /// - Returns: the values that were read.
    func send(
        _ reports: [CloudWrite], usage: UsageDelivery? = nil, reading: [CloudResource] = []
    ) throws(ConversationFailure) -> [CloudResource: String] {
        var usage = usage
        let values = try request(reports, reading, &usage)
        FaultPoint.pass("exchange.done")
        try journaled { () throws(JournalError) in try journal.markSent(reports) }
        FaultPoint.pass("exchange.recorded")
        if let usage { try deliver(usage, values) }
        return values
    }

    /// One request; a second one without `usage_report` where the cloud refuses the first and it may be the reason. If the
    /// second is refused too, it was not: then counts wait as they are.
    private func request(
        _ reports: [CloudWrite], _ reading: [CloudResource], _ usage: inout UsageDelivery?
    ) throws(ConversationFailure) -> [CloudResource: String] {
        do throws(CloudFailure) {
            return try cloud.request(
                writing: reports + (usage?.writes ?? []), reading: reading + (usage?.reads ?? []))
        } catch {
            guard let refused = usage, UsageDelivery.isRefusal(error) else { throw .cloud(error) }
            let values: [CloudResource: String]
            do throws(CloudFailure) { values = try cloud.request(writing: reports, reading: reading) } catch {
                throw .cloud(error)
            }
            usage = nil
            try journaled { () throws(JournalError) in try refused.refuse(context) }
            emit(.problem("\(error); the same without usage_report was taken, which waits a day"))
            return values
        }
    }

    /// Forgets counts that the cloud has. Those that it does not have after all are sent by themselves; they can wait.
    private func deliver(_ usage: UsageDelivery, _ values: [CloudResource: String]) throws(ConversationFailure) {
        if !usage.hasArrived(values) {
            do throws(CloudFailure) {
                _ = try cloud.request(writing: [CloudWrite(.usageReport, usage.text)], reading: [])
            } catch {
                let isRefused = UsageDelivery.isRefusal(error)
                if isRefused { try journaled { () throws(JournalError) in try usage.refuse(context) } }
                return emit(
                    .problem("\(error); usage_report \(isRefused ? "waits a day" : "goes out with the next pass")"))
            }
        }
        let tell = storageProblem ?? { [emit] in emit(.problem($0)) }
        try journaled { () throws(JournalError) in try usage.acknowledge(report: tell) }
    }

    private func journaled<Result>(_ body: () throws(JournalError) -> Result) throws(ConversationFailure) -> Result {
        do throws(JournalError) { return try body() } catch { throw .journal(error) }
    }
}
