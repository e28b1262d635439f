internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// Hears of a newer `engine_fetch` at once, and asks for a pass: `poll: long` of gateway.yaml by a request that the
/// server holds for up to five minutes, `transport: mqtt` by a connection that stays (D41).
///
/// It takes nothing and writes nothing, neither here nor there. What it hears is a reason to look; the pass reads the
/// value anew, makes it durable and clears it, as always. So a watch that dies or hears nothing costs only time: the
/// polls of `update_interval` go on beside it.
///
/// One thread with a device client of its own. Nothing wakes it but the cloud, `passEnded` and `stop`, except that
/// libcurl looks up once a second while it waits for an answer.
final class CloudWatch: Sendable {
    /// How it learns of changes; blocks.
    protocol Source {
        /// What all its requests have cost so far, both ways; 0 where that is not known.
        var byteCount: Int64 { get }
        /// A call of `next` that has lasted so long has reached the cloud, which holds it; nil where `next` returns once
        /// that is so.
        var heldAfter: Duration? { get }
        /// Returns after a change, or because time is over or the watch is ending; then with nil.
        func next(_ watch: CloudWatch) throws(CloudFailure) -> CloudChange?
    }

    struct State: Sendable {
        var isEnding = false
        var hasEnded = false
        /// How many passes have ended, and whether the last of them had reached the cloud.
        var passCount = 0
        var isCloudReached = false
        /// What keeps it from hearing, and since when by this machine's clock; nil while nothing is known to.
        var trouble: (why: String, since: WallTime)?
        /// When the call began that is under way, and how long one takes that is held.
        var asking: (since: MonotonicTime, heldAfter: Duration)?
        /// Ends what the thread is blocked in.
        var interrupt: (@Sendable () -> Void)?
    }

    let monitor = Monitor(State())
    private let knowledge: CloudKnowledge
    private let wake: @Sendable (PassReason) -> Void
    private let log: @Sendable (PassEvent) -> Void

    /// Told of each failure with its bytes: the day's limits count them.
    private let failed: @Sendable (Int64) -> Void
    private let clock: @Sendable () -> WallTime

    init(
        knowledge: CloudKnowledge, clock: @escaping @Sendable () -> WallTime = { WallTime.now() },
        failed: @escaping @Sendable (Int64) -> Void = { _ in },
        wake: @escaping @Sendable (PassReason) -> Void,
        log: @escaping @Sendable (PassEvent) -> Void
    ) {
        self.knowledge = knowledge
        self.clock = clock
        self.failed = failed
        self.wake = wake
        self.log = log
    }

    /// Starts watching, if gateway.yaml wishes it and names a cloud; nil otherwise.
    ///
    /// - Parameters:
    ///   - timing: counts what fails.
    ///   - wake: asks for a pass, for this reason. Called from the watch's thread.
    static func start(
        _ context: GatewayContext, journal: Journal, timing: CloudTiming,
        log: @escaping @Sendable (PassEvent) -> Void,
        wake: @escaping @Sendable (PassReason) -> Void
    ) -> CloudWatch? {
        let configuration = context.configuration
        guard configuration.product != nil, configuration.transport == .mqtt || configuration.poll == .long else {
            return nil
        }
        let watch = CloudWatch(
            knowledge: CloudKnowledge(journal: journal), clock: context.clock,
            failed: { timing.watchFailed(byteCount: $0) }, wake: wake, log: log)
        do throws(SystemError) {
            let thread = try BackgroundThread("gwe-watch") {
                watch.run(watch.source(context))
                watch.monitor.update { $0.hasEnded = true }
            }
            thread.detach()
        } catch {
            log(.problem("\(error); changes in the cloud are seen at the next poll"))
            return nil
        }
        return watch
    }

    private func source(_ context: GatewayContext) -> any Source {
        switch context.configuration.transport {
        case .mqtt: MQTTWatch(context: context) { [weak self] in self?.hear($0) }
        case .https: LongPollWatch(context: context, knowledge: knowledge) { [weak self] in self?.isEnding ?? true }
        }
    }

    // MARK: what others tell it

    /// Asks it to end, and does not wait for it.
    func end() {
        let interrupt = monitor.update { state in
            state.isEnding = true
            return state.interrupt
        }
        interrupt?()
    }

    /// Names what ends a call that the thread is blocked in. Done at once when the watch is ending already.
    func whenEnding(_ interrupt: @escaping @Sendable () -> Void) {
        let isEnding = monitor.update { state in
            state.interrupt = interrupt
            return state.isEnding
        }
        if isEnding { interrupt() }
    }

    /// Waits for its end, at most for `patience`: a request that hangs in a name server must not hold up a stop, and
    /// does no harm afterwards.
    func waitForEnd(patience: Duration) {
        _ = monitor.wait(atMost: patience) { $0.hasEnded ? true : nil }
    }

    var isEnding: Bool { monitor.look(\.isEnding) }

    /// What keeps it from hearing of changes, for `gwe status`; nil while it hears. After an outage a request that is held
    /// counts as heard.
    var trouble: String? {
        monitor.look { state in
            guard let trouble = state.trouble else { return nil }
            if let asking = state.asking, asking.since.duration(to: .now) > asking.heldAfter { return nil }
            return "changes in the cloud are not heard of at once since \(trouble.since), but at the next poll: "
                + trouble.why
        }
    }

    /// A pass is over. One that reached the cloud has a token that is good, and so ends a wait for one.
    func passEnded(reachedCloud: Bool) {
        monitor.update { state in
            state.passCount += 1
            state.isCloudReached = reachedCloud
        }
    }

    // MARK: the thread

    /// Waits for that long; false when the watch is ending.
    func sleep(_ pause: Duration) -> Bool {
        monitor.wait(atMost: pause) { $0.isEnding ? true : nil } == nil
    }

    /// Waits until the last pass has reached the cloud, and is a later one than that; false when ending. However long it
    /// takes: the passes keep to the schedule of trouble, and find out when it is over.
    private func waitForPass(after count: Int) -> Bool {
        while true {
            let isEnding = monitor.wait(atMost: CloudWatch.longWait) { state -> Bool? in
                if state.isEnding { return true }
                return state.passCount > count && state.isCloudReached ? false : nil
            }
            if let isEnding { return !isEnding }
        }
    }

    private static let longWait: Duration = .seconds(86_400)

    /// Asks for a pass if a value is a reason for one.
    private func hear(_ change: CloudChange) {
        guard !isEnding, knowledge.isNews(change) else { return }
        wake(.cloudChanged(change.value.resource))
    }

    /// Tries while passes reach the cloud, until the watch is to end. Where they do not, the schedule is theirs alone.
    func run(_ source: any Source) {
        var record = WatchRecord()
        var seen = 0
        while waitForPass(after: seen) {
            let passCount = monitor.look(\.passCount)
            let byteCount = source.byteCount
            monitor.update { state in state.asking = source.heldAfter.map { (.now, $0) } }
            do throws(CloudFailure) {
                let change = try source.next(self)
                monitor.update { ($0.trouble, $0.asking) = (nil, nil) }
                if record.worked(at: .now) { log(.note("changes in the cloud are heard of again")) }
                if let change { hear(change) }
            } catch {
                guard !isEnding else { return }
                failed(source.byteCount - byteCount)
                let isFirstRefusal = error.isAboutToken && record.failures == 0
                let now = clock()
                monitor.update { state in
                    state.asking = nil
                    // Passes tell of tokens.
                    state.trouble = error.isAboutToken ? nil : (error.description, state.trouble?.since ?? now)
                }
                if record.failed(error.description, isSilent: isFirstRefusal, at: .now) {
                    log(.problem("\(error); until that is over, changes are seen at the next poll"))
                }
                // Tokens are the pass's affair: it finds out, activates where it may, and tells of it. What is refused here
                // after a pass was not is told.
                if isFirstRefusal {
                    seen = passCount
                    wake(.tokenRefused)
                } else if !sleep(CloudWatch.pause(after: record.failures, error)) {
                    return
                }
            }
        }
    }

    /// Five seconds, then up to the double each time, to an hour: about forty tries in the first day. Never sooner than the
    /// server asks. Random within its upper half, so that a fleet does not come back together.
    static func pause(after failures: Int, _ error: CloudFailure) -> Duration {
        let whole = min(3_600_000, 5_000 << min(max(0, failures - 1), 10))
        let pause = Duration.milliseconds(Int.random(in: whole / 2...whole))
        // The patience after a refusal is the passes' too: they reach the cloud with this token.
        let asked = error.isAboutToken ? .zero : error.retryAfter ?? .zero
        return max(pause, min(asked, CloudSchedule.longestPatience))
    }
}

/// A value that was heard of.
struct CloudChange: Sendable, Hashable {
    var value: CloudValue
    /// Whether it was just written, as far as is known; false for what stood there when the watch began.
    var isFresh: Bool
}

/// What the watch knows of the cloud, through the journal.
struct CloudKnowledge: Sendable {
    let journal: Journal

    /// Whether a value is a reason for a pass. What passes have refused or are at work on is none, unless it was written
    /// again; nor is a journal that cannot be read now a reason to miss anything.
    func isNews(_ change: CloudChange) -> Bool {
        let memory = (try? journal.cloudMemory()) ?? CloudMemory()
        return switch memory.news(of: change.value) {
        // Nothing is asked for; but what was wrong before is no more, which a pass takes back.
        case .empty(let endsRefusal): endsRefusal
        case .taken: false
        case .refused, .uncleared: change.isFresh
        case .new: true
        }
    }

    /// Since when nothing but the manifest that was taken stands in `engine_fetch`, as far as passes have found out.
    func standingSince(place: String, now: WallTime) -> String? {
        guard let text = try? journal.value(StandingManifest.key), let standing = StandingManifest(text),
            let memory = try? journal.cloudMemory()
        else { return nil }
        return standing.since(place: place, digest: memory[.engineFetch].taken, now: now)
    }
}
