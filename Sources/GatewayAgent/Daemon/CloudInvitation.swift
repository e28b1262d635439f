internal import GatewayModel
internal import GatewaySystem
internal import Wire

/// A person has asked for a token, or put one in place: nobody waits any longer with talking to the cloud.
public enum CloudInvitation {
    /// Tells the daemon, which then asks at once; without one, ends the patience that the journal keeps. What cannot be
    /// told costs only time.
    ///
    /// - Parameter isActivated: whether the cloud has just given out the token.
    /// - Returns: whether a daemon asks now.
    @discardableResult public static func send(_ context: GatewayContext, isActivated: Bool = false) -> Bool {
        if ControlClient.isAnswered(context.folders), let client = ControlClient(folders: context.folders),
            (try? client.ask(TokenRequest())) != nil
        {
            return true
        }
        guard schedule(context)?.due != nil, let state = try? LockedState(context: context, purpose: "activate") else {
            return false
        }
        let timing = CloudTiming(context: context, journal: state.journal)
        if isActivated { timing.activated() } else { timing.invited() }
        return false
    }

    /// The trouble that waits for a person, if that is what the last talk ended with.
    static func refusal(_ context: GatewayContext) -> CloudTrouble? {
        schedule(context)?.trouble.flatMap { $0.kind.isRefusal ? $0 : nil }
    }

    private static func schedule(_ context: GatewayContext) -> CloudSchedule? {
        guard let journal = try? Journal.openReadOnly(folders: context.folders, clock: context.clock) else {
            return nil
        }
        return CloudTiming.stored(context, journal).schedule
    }
}
