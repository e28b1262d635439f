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

    /// Counts for this gateway, on the days of a clock that is believed. All that count at the same time do so by the same
    /// meter: it writes for all of them at once.
    /// - Parameter mayWrite: false for a process that changes no file; it has a meter of its own.
    func usageMeter(mayWrite: Bool = true) -> UsageMeter {
        guard mayWrite else { return UsageMeter(stateFolder: folders.stateFolder, mayWrite: false, clock: usageClock) }
        return sharedMeter.meter(folders.stateFolder) {
            UsageMeter(stateFolder: folders.stateFolder, clock: usageClock)
        }
    }
}
