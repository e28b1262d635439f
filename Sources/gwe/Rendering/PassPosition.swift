internal import GatewayModel
internal import Wire

/// How far a pass is: which app of how many, first with fetching, which comes for all of them, then with the rest.
struct PassPosition {
    private var fetches: Set<AppName> = []
    private var works: [AppName: Step] = [:]
    private var fetched: Set<AppName> = []
    private var done: Set<AppName> = []

    /// Takes the plan: what waits is no work.
    init(_ plan: PlanDocument? = nil) {
        for app in plan?.apps ?? [] where app.deferred == nil {
            guard let last = app.steps.last?.known else { continue }
            works[app.app] = last
            if app.steps.contains(Word(.download)) { fetches.insert(app.app) }
        }
    }

    /// Takes what became of a step.
    mutating func note(_ line: PassLine.StepLine) {
        switch line.outcome.known {
        case .started, nil: return
        case .failed:
            fetched.insert(line.app)
            done.insert(line.app)
        case .done, .alreadySatisfied, .skipped:
            if line.step.known == .unpack { fetched.insert(line.app) }
            if let step = line.step.known, works[line.app] == step { done.insert(line.app) }
        }
    }

    /// `3 of 30`, of an app that is fetched, or at another step; nil where there is only one.
    func words(_ app: AppName, isFetch: Bool) -> String? {
        let (all, over) = isFetch ? (fetches, fetched) : (Set(works.keys), done)
        guard all.count > 1, all.contains(app) else { return nil }
        return "\(over.intersection(all).subtracting([app]).count + 1) of \(all.count)"
    }
}
