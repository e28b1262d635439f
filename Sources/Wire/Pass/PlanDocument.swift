public import Documents
public import GatewayModel

/// A plan as `gwe reconcile --json` prints it: the line of type `plan`.
public struct PlanDocument: WireValue {
    /// Bytes of disk that the plan needs and that are free.
    public struct Shortfall: WireValue {
        /// Needed, as an estimate.
        public var neededByteCount: Int64
        /// Free for gwe.
        public var freeByteCount: Int64
    }

    /// Differences of installed apps, by app; only apps that have some.
    public var drift: ByName<[DriftDocument]>
    /// Apps with work, and those that wait, in the order in which they are worked on.
    public var apps: [PlannedApp]
    /// Apps that match the desired state.
    public var inSync: [AppName]
    /// What makes the desired state impossible, one sentence each.
    public var errors: [String]
    /// What of the desired state was ignored, and why.
    public var notes: [String]
    /// How many apps have steps that would run now.
    public var changes: Int
    /// The plan in one line.
    public var summary: String
    /// Set where the disk is too small; the key is left out otherwise.
    public var shortfall: Shortfall?

    /// The document of a plan.
    public init(_ plan: Plan) {
        drift = ByName(plan.drift.keys.sorted().map { ($0.text, (plan.drift[$0] ?? []).map(DriftDocument.init)) })
        apps = plan.apps.map(PlannedApp.init)
        inSync = plan.inSync.sorted()
        errors = plan.errors
        notes = plan.notes
        changes = plan.work.count
        summary = plan.footer
        shortfall = plan.shortfall.map {
            Shortfall(neededByteCount: $0.neededByteCount, freeByteCount: $0.freeByteCount)
        }
    }

    /// The line of the plan.
    public var json: JSONValue {
        var members = [
            PassLine.Kind.plan.member, WireSchema.member, ("drift", drift.json), ("apps", apps.json),
            ("in_sync", inSync.json), ("errors", errors.json), ("notes", notes.json), ("changes", changes.json),
            ("summary", summary.json),
        ]
        members.add("shortfall", shortfall)
        return .object(members)
    }

    /// Reads the line of a plan.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        try members.requireSchema()
        drift = try members.read("drift")
        apps = try members.read("apps")
        inSync = try members.read("in_sync")
        errors = try members.read("errors")
        notes = try members.read("notes")
        changes = try members.read("changes")
        summary = try members.read("summary")
        shortfall = try members.readIfAny("shortfall")
    }
}

extension PlanDocument.Shortfall {
    /// Both figures.
    public var json: JSONValue { ["needed_bytes": neededByteCount.json, "free_bytes": freeByteCount.json] }

    /// Reads both figures.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        neededByteCount = try members.read("needed_bytes")
        freeByteCount = try members.read("free_bytes")
    }
}
