internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Synchronization

/// When the cloud is asked next, and what is wrong with it: the schedule, with its memory in the journal, so that neither
/// a restart nor a crash of gwe makes it impatient. While all is well nothing is written.
final class CloudTiming: Sendable {
    static let key = "cloud_trouble"

    private let context: GatewayContext
    private let journal: Journal
    private let state: Lock<CloudSchedule>
    /// Held while the journal is written, never together with `state` for longer than it takes to read that.
    private let writing = Lock(())

    init(context: GatewayContext, journal: Journal) {
        self.context = context
        self.journal = journal
        let (schedule, isOfThisBoot) = CloudTiming.stored(context, journal)
        state = Lock(schedule)
        // Else each process of this boot would begin the wait anew.
        if !isOfThisBoot { keep(schedule) }
    }

    /// What the journal has. Of a boot before, nothing is due any more at a time of this one.
    static func stored(_ context: GatewayContext, _ journal: Journal?) -> (schedule: CloudSchedule, isOfThisBoot: Bool)
    {
        let identity = (try? Identity.resolve(context.configuration).text) ?? ""
        // Without a product there is no cloud, and nothing to be in trouble with.
        guard context.configuration.product != nil, let text = try? journal?.value(key),
            let json = try? JSON.parse(Array(text.utf8), source: key).json
        else {
            return (CloudSchedule(identity: identity), true)
        }
        var schedule = CloudSchedule(identity: identity, json: json["schedule"] ?? .null)
        let isOfThisBoot = json["boot"]?.string == context.bootID
        if !isOfThisBoot { schedule.rebooted(at: context.sinceBoot()) }
        return (schedule, isOfThisBoot)
    }

    /// gwe was started. Returns for how long the cloud is to be left alone.
    func started() -> Duration { handle(.started, interval: .zero) ?? .zero }

    /// A pass has ended. Returns the time until the next.
    /// - Parameter byteCount: what its calls have cost.
    func ended(_ talk: CloudTalk, byteCount: Int64, interval: Duration) -> Duration {
        let event: CloudSchedule.Event =
            switch talk {
            case .notAsked: .notAsked
            case .succeeded: .succeeded
            case .failed(let failure):
                .failed(
                    CloudTrouble(failure.trouble, reason: failure.description, since: context.clock()),
                    retryAfter: failure.retryAfter, byteCount: byteCount)
            }
        return handle(event, interval: interval) ?? interval
    }

    /// Returns when the next talk is to be instead, if that changes. Called on the event loop: nothing is written; the
    /// end of the talk is.
    func networkChanged() -> Duration? { handle(.networkChanged, interval: .zero, isKept: false) }
    func clockStepped() -> Duration? { handle(.clockStepped, interval: .zero, isKept: false) }

    /// A person has asked for a token, or put one in place.
    func invited() { _ = handle(.invited, interval: .zero) }

    /// The cloud has given out a token.
    func activated() { _ = handle(.activated, interval: .zero) }

    /// The watch beside the passes has failed.
    func watchFailed(byteCount: Int64) { _ = handle(.watchFailed(byteCount: byteCount), interval: .zero) }

    /// Whether a pass for this reason may ask the cloud. A person is never kept waiting, nor is what the cloud has just
    /// set; a command that no person is seen to give is, after ten failures in a row: a crontab may run it each minute.
    func mayAsk(_ options: PassOptions) -> Bool {
        if options.isByHand { return true }
        let now = context.sinceBoot()
        return switch options.reason.patience {
        case .none: true
        case .command: state.withLock { $0.mayTalkOnCommand(at: now) }
        case .schedule: state.withLock { $0.mayTalk(at: now) }
        }
    }

    /// What is said where a command did not ask; nil when nothing keeps it from asking.
    var patience: String? {
        let (left, trouble) = state.withLock { ($0.boundWait(at: context.sinceBoot()), $0.trouble) }
        guard let left else { return nil }
        let why = trouble.map { ": " + $0.words(clockDoubt: context.trust.doubt) } ?? ""
        return "the cloud is left alone for another \(left.inWords)\(why); 'gwe activate', or 'gwe reconcile' at a "
            + "terminal, asks at once"
    }

    /// Whether a pass that is not the poll may ask the cloud.
    var mayTalk: Bool { state.withLock { $0.mayTalk(at: context.sinceBoot()) } }

    var trouble: CloudTrouble? { state.withLock(\.trouble) }

    private func handle(_ event: CloudSchedule.Event, interval: Duration, isKept: Bool = true) -> Duration? {
        let (action, hasChanged) = state.withLock { schedule in
            let before = schedule
            let action = schedule.handle(event, at: context.sinceBoot(), interval: interval)
            schedule.settleTime(now: context.clock(), sinceBoot: context.sinceBoot())
            return (action, schedule != before)
        }
        // Whoever writes last writes the newest.
        if hasChanged, isKept { writing.withLock { _ in keep(state.withLock(\.self)) } }
        guard case .talk(let pause) = action else { return nil }
        return pause
    }

    /// What cannot be kept is kept for this process at least.
    private func keep(_ schedule: CloudSchedule) {
        let json: JSONValue = ["boot": .string(context.bootID), "schedule": schedule.json]
        try? journal.setValue(CloudTiming.key, schedule.isUndisturbed ? nil : json.text(), isDurable: false)
    }
}
