internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// `poll: long`: a request for `engine_fetch` that the server answers when it is written, or after five minutes.
final class LongPollWatch: CloudWatch.Source {
    /// The server's limit.
    static let timeout: Duration = .seconds(300)

    /// Between a change and the look whether its second brought another one.
    static let settling: Duration = .seconds(2)

    var byteCount: Int64 { client?.callByteCount ?? 0 }
    /// More than it takes to connect, pauses included.
    var heldAfter: Duration? { HTTPRequest.standardConnectTimeout + .seconds(5) + LongPollWatch.settling + pace.pause }
    private var pace = LongPollPace()

    private let context: GatewayContext
    private let knowledge: CloudKnowledge
    private let isEnding: @Sendable () -> Bool
    private var client: DeviceClient?
    /// nil until the first answer: then what stands there is given out at once, so that nothing is missed that was
    /// written since the last pass.
    private var since: String?
    /// What was given out last, while another value may have been written in the same second.
    private var unsettled: (text: String, lastModified: String?, lookCount: Int)?

    init(context: GatewayContext, knowledge: CloudKnowledge, isEnding: @escaping @Sendable () -> Bool) {
        self.context = context
        self.knowledge = knowledge
        self.isEnding = isEnding
    }

    func next(_ watch: CloudWatch) throws(CloudFailure) -> CloudChange? {
        if unsettled != nil, !watch.sleep(LongPollWatch.settling) { return nil }
        let client = try ready()
        let isFirst = since == nil
        // A server that lets the same value be written again and again.
        if pace.pause > .zero, !watch.sleep(pace.pause) { return nil }
        let start = MonotonicTime.now
        let answer: PollAnswer
        do throws(DeviceClientError) {
            answer = try client.poll(
                CloudResource.engineFetch.rawValue, timeout: LongPollWatch.timeout, since: since ?? "0")
        } catch {
            if error.transfer?.kind == .cancelled { return nil }
            throw CloudFailure(error)
        }
        let text = answer.values.map { $0[CloudResource.engineFetch.rawValue] ?? "" }
        let isAgain = unsettled.map { $0.text == text && $0.lastModified == answer.lastModified } ?? false
        let isHeld = pace.isHeld(
            text, answer.lastModified, isLook: isAgain && answer.lastModified != nil,
            after: start.duration(to: .now))
        if let text {
            settle(answer, text, lookCount: isAgain ? (unsettled?.lookCount ?? 0) + 1 : 0)
        } else {
            since = since ?? "0"
            unsettled = nil
        }
        guard isHeld else {
            throw CloudFailure(
                description: "cannot watch the cloud: it answers at once and has nothing new", trouble: .garbledAnswer)
        }
        return text.map {
            CloudChange(value: CloudValue(.engineFetch, $0), isFresh: !isFirst && !isAgain)
        }
    }

    /// What the next poll asks for. Times of the cloud are whole seconds: while this one is not over, the next poll asks
    /// for what was written from this second on, a little later, and so has the same value again or a newer one. A
    /// server whose clock is of no help is believed at the third look.
    private func settle(_ answer: PollAnswer, _ text: String, lookCount: Int) {
        guard let lastModified = answer.lastModified, let seconds = HTTPDate.unixSeconds(lastModified) else {
            // Nothing says when: looked at again, with a pause in between.
            unsettled = (text, nil, 0)
            return
        }
        let isSettled = answer.isSettled || lookCount >= 2
        since = isSettled ? lastModified : HTTPDate.text(unixSeconds: seconds - 1)
        unsettled = isSettled ? nil : (text, lastModified, lookCount)
    }

    /// A client of its own, once this gateway has a token. It never activates: two that do so at once would each have
    /// the other's token refused.
    private func ready() throws(CloudFailure) -> DeviceClient {
        if let client { return client }
        do {
            var (device, _) = try CloudIdentity.configuration(context)
            device.mayActivate = false
            device.isCancelled = isEnding
            let tokens = try TokenStore.make(context.folders, context.configuration, makingFolder: false)
            let client = try DeviceClient(configuration: device, tokens: tokens)
            client.meter = context.usageMeter().count
            since = knowledge.standingSince(place: CloudConnection.place(client), now: context.clock())
            self.client = client
            return client
        } catch {
            throw CloudFailure(description: "cannot watch the cloud: \(error)")
        }
    }
}
