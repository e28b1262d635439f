internal import DeviceClient
internal import GatewayModel

extension GatewayContext {
    /// Unix time in seconds for counts; nil while the wall clock is in doubt.
    var usageClock: @Sendable () -> Int64? {
        { [clock] in
            let now = clock()
            return now.isInDoubt ? nil : now.milliseconds / 1_000
        }
    }

    /// Counts for this gateway, on the days of a clock that is believed.
    func usageMeter(mayWrite: Bool = true) -> UsageMeter {
        UsageMeter(stateFolder: folders.stateFolder, mayWrite: mayWrite, clock: usageClock)
    }
}
