internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// What is left of `policy.data_budget`: what the device client counted on an interface, headers included, against what
/// the manifest allows it in a day or a calendar month, in UTC. Only looks.
struct DataBudgetLedger {
    let context: GatewayContext

    /// What is left on the interface that leads to the cloud; asked for when a plan has something to download. nil where
    /// no budget is set for that interface, and where it cannot be told, as without a network: then nothing is
    /// downloaded anyway.
    func allowance(_ policy: Policy, report: (String) -> Void) -> DataAllowance? {
        guard !policy.dataBudget.isEmpty, let interface, let budget = policy.dataBudget[interface] else { return nil }
        do throws(DatabaseError) {
            let store = try UsageStore.openReadOnly(stateFolder: context.folders.stateFolder)
            return allowance(of: interface, budget, try store?.days() ?? [])
        } catch {
            report("\(error); data_budget of \(interface) is taken as if nothing had been used")
            return allowance(of: interface, budget, [])
        }
    }

    /// - Parameter days: totals, oldest first.
    func allowance(of interface: String, _ budget: DataBudget, _ days: [UsageTotal]) -> DataAllowance {
        let now = believed(days)
        let today = UsageDay(unixSeconds: now.milliseconds / 1_000)
        let first = budget.period == .day ? today : today.firstOfMonth
        // A day of 0 was counted before the clock could be believed: it may be today.
        let counted = days.filter {
            $0.interface == interface && (first...today).contains($0.day)
                || $0.interface == interface && $0.day.number == 0
        }
        return DataAllowance(
            interface: interface, budget: budget,
            usedByteCount: counted.reduce(0) { $0 + $1.sentWithHeaders + $1.receivedWithHeaders },
            renewal: budget.period.renewal(after: now))
    }

    /// A clock that cannot be right is not believed: then it is still the newest day that was counted.
    func believed(_ days: [UsageTotal]) -> WallTime {
        let now = context.clock()
        guard !ClockTrust.isPlausible(now), let newest = days.last?.day, newest.number > 0 else { return now }
        return WallTime(milliseconds: newest.number * 86_400_000)
    }

    /// The interface of the route to the cloud: gateway.yaml's, else the one that the kernel would choose now.
    private var interface: String? {
        let configuration = context.configuration
        if let name = configuration.interface { return name }
        guard let url = configuration.proxy ?? configuration.cloud else { return nil }
        return NetworkRoute.interface(toward: url)
    }
}
