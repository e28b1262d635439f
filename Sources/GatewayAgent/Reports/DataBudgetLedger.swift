internal import DeviceClient
internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// What is left of `policy.data_budget`: what the device client counted on an interface, headers included, against what
/// the manifest allows it in a day or a calendar month, in UTC. Only looks.
struct DataBudgetLedger {
    let context: GatewayContext

    /// What is left on the interface that leads to the cloud; asked for when a plan has something to download. nil where
    /// no budget is set for that interface. Where it cannot be told which interface that is, or what was counted, nothing is
    /// left, with the reason in `doubt`: a bill that grows unseen is worse than a release that waits.
    func allowance(_ policy: Policy, report: (String) -> Void) -> DataAllowance? {
        guard let smallest = policy.dataBudget.min(by: { ($0.value.byteCount, $0.key) < ($1.value.byteCount, $1.key) })
        else { return nil }
        let interface: String
        switch route {
        case .none: return nil
        case .over(let name): interface = name
        case .unknown(let host):
            return doubtful(
                smallest.key, smallest.value, "which interface leads to \(host) cannot be told (name or route missing)")
        }
        guard let budget = policy.dataBudget[interface] else { return nil }
        do throws(DatabaseError) {
            let store = try UsageStore.openReadOnly(stateFolder: context.folders.stateFolder)
            return allowance(of: interface, budget, try store?.days() ?? [])
        } catch {
            report("\(error); data_budget of \(interface) cannot be judged, and downloads wait")
            return doubtful(interface, budget, "what was counted on \(interface) cannot be read")
        }
    }

    private func doubtful(_ interface: String, _ budget: DataBudget, _ doubt: String) -> DataAllowance {
        var allowance = allowance(of: interface, budget, [])
        allowance.usedByteCount = budget.byteCount
        allowance.doubt = doubt
        return allowance
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
            usedByteCount: counted.reduce(Int64(0)) {
                $0.saturating(adding: $1.sentWithHeaders).saturating(adding: $1.receivedWithHeaders)
            },
            renewal: budget.period.renewal(after: now))
    }

    /// A clock that cannot be right is not believed: then it is still the newest day that was counted.
    func believed(_ days: [UsageTotal]) -> WallTime {
        let now = context.clock()
        guard !ClockTrust.isPlausible(now), let newest = days.last?.day, newest.number > 0 else { return now }
        return WallTime(milliseconds: newest.number * 86_400_000)
    }

    private enum Route {
        /// There is no cloud.
        case none
        case over(String)
        case unknown(host: String)
    }

    /// gateway.yaml's `bind_interface`, else the one that the kernel would choose now for the cloud, or for the proxy in between.
    private var route: Route {
        let configuration = context.configuration
        if let name = configuration.bindInterface { return .over(name) }
        guard let cloud = configuration.cloud else {
            return configuration.proxy.map(route(toward:)) ?? .none
        }
        let proxy = WebAddress(cloud, standardScheme: "https").flatMap {
            TransferProxy.inForce(configuration.proxy, ProcessFacts.environment, for: $0)
        }
        return route(toward: proxy?.url ?? cloud)
    }

    private func route(toward url: String) -> Route {
        if let name = NetworkRoute.interface(toward: url) { return .over(name) }
        return .unknown(host: WebAddress(url, standardScheme: "https")?.host ?? "the cloud")
    }
}
