/// What a pass would do to one app.
public struct AppPlan: Sendable, Hashable {
    /// What is to be done with the app: nothing where it is `held` or `blocked`; `restart` is a start or a stop alone.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        case install, upgrade, downgrade, remove, repair, restart, held, blocked

        /// The mark in front of a line of the plan (docs/commands.md#the-plan).
        public var symbol: String {
            switch self {
            case .install: "+"
            case .upgrade: "~"
            case .downgrade: "<"
            case .remove: "-"
            case .repair: "!"
            case .restart: "^"
            case .held: "="
            case .blocked: "?"
            }
        }
    }

    /// The app that the line is about.
    public var app: AppName
    /// What the pass would do.
    public var action: Action
    /// Why; a sentence without a full stop.
    public var reason: String
    /// The layer whose wish it follows.
    public var origin: Origin
    /// What is installed now; nil when nothing is.
    public var installed: InstalledRelease?
    /// The release that is wanted; nil for a removal, or where no layer names a version.
    public var wish: ReleaseWish?
    /// In order; empty when held or blocked.
    public var steps: [Step]
    /// Bytes still to be fetched over the network; nil when not known before the download.
    public var downloadByteCount: Int64?
    /// Bytes of disk the steps may need, an estimate; nil when not known.
    public var diskByteCount: Int64?
    /// Whether the running app is stopped on the way.
    public var interrupts: Bool
    /// Set when the steps that interrupt must wait, or with `defersDownload` all of them: for what.
    public var deferral: String?
    /// Whether not even the download may begin: it does not fit in the data budget.
    public var defersDownload = false
    /// Set when it waits because it failed before; its action is `blocked` then.
    public var quarantine: Quarantine?

    /// Whether its steps give space back and take none: a removal, or a stop. Such apps come first in a pass.
    public var freesSpace: Bool { action == .remove || steps == [.stop] }

    /// A line of a plan by hand; `Plan.make` makes those of a pass.
    public init(
        app: AppName, action: Action, reason: String, origin: Origin, installed: InstalledRelease? = nil,
        wish: ReleaseWish? = nil, steps: [Step] = [], downloadByteCount: Int64? = 0, diskByteCount: Int64? = 0,
        interrupts: Bool = false, deferral: String? = nil, quarantine: Quarantine? = nil
    ) {
        self.app = app
        self.action = action
        self.reason = reason
        self.origin = origin
        self.installed = installed
        self.wish = wish
        self.steps = steps
        self.downloadByteCount = downloadByteCount
        self.diskByteCount = diskByteCount
        self.interrupts = interrupts
        self.deferral = deferral
        self.quarantine = quarantine
    }
}

/// A whole pass as a value, checked before anything is touched. Empty means: in sync.
public struct Plan: Sendable, Hashable {
    /// Apps whose installed files, link, configuration or process differ from what was installed.
    public var drift: [AppName: [Drift]]
    /// In the order in which they are worked on: removals first, then as `requires` says.
    public var apps: [AppPlan]
    /// Apps that match already.
    public var inSync: [AppName]
    /// What makes the wish impossible: a cycle in `requires`.
    public var errors: [String]
    /// Bytes of disk needed and free, when the former does not fit into the latter.
    public var shortfall: Shortfall?
    /// What of the wish was ignored, and why: one sentence each.
    public var notes: [String]

    /// Why a pass fetches nothing: the disk is too small for it.
    public struct Shortfall: Sendable, Hashable {
        /// Bytes that all steps together may need, an estimate.
        public var neededByteCount: Int64
        /// Bytes that are free for gwe, with those that removals give back.
        public var freeByteCount: Int64

        /// A lack of so much.
        public init(neededByteCount: Int64, freeByteCount: Int64) {
            self.neededByteCount = neededByteCount
            self.freeByteCount = freeByteCount
        }

        /// "not enough space: about 2.3 MiB needed, 1.0 MiB free"; by the byte where those would look alike.
        public var description: String {
            var needed = Quantities.about(byteCount: neededByteCount)
            var free = Quantities.about(byteCount: freeByteCount)
            if needed == free { (needed, free) = ("\(neededByteCount) B", "\(freeByteCount) B") }
            return "not enough space: about \(needed) needed, \(free) free"
        }
    }

    /// A plan by hand; `Plan.make` makes that of a pass.
    public init(
        drift: [AppName: [Drift]] = [:], apps: [AppPlan] = [], inSync: [AppName] = [], errors: [String] = [],
        shortfall: Shortfall? = nil, notes: [String] = []
    ) {
        self.notes = notes
        self.drift = drift
        self.apps = apps
        self.inSync = inSync
        self.errors = errors
        self.shortfall = shortfall
    }

    /// What is missing for all downloads of this plan, with so much free; nil when they fit.
    public func shortfall(freeByteCount: Int64) -> Shortfall? {
        let needed = apps.reduce(0) { sum($0, $1.defersDownload ? 0 : $1.diskByteCount ?? 0) }
        return needed > freeByteCount ? Shortfall(neededByteCount: needed, freeByteCount: freeByteCount) : nil
    }

    /// Apps with steps that would run now.
    public var work: [AppPlan] { apps.filter { !$0.steps.isEmpty } }

    /// Whether a pass has nothing to do: no steps, though apps may be held (D14).
    public var isEmpty: Bool { work.isEmpty }

    /// How many apps have that action.
    public func count(_ action: AppPlan.Action) -> Int { apps.count { $0.action == action } }

    /// The last line of a plan: "Plan: 1 to install, …" or "In sync: …".
    public var footer: String {
        let others = [
            (AppPlan.Action.downgrade, "to downgrade"), (.restart, "to restart"), (.held, "held"),
            (.blocked, "blocked"),
        ]
        .compactMap { count($0.0) > 0 ? "\(count($0.0)) \($0.1)" : nil }
        if isEmpty, count(.blocked) == 0 {
            let total = inSync.count
            let sentence = "\(total) \(total == 1 ? "app matches" : "apps match") the desired state"
            return "In sync: " + ([sentence] + others).joined(separator: ", ") + "."
        }
        let main = [
            "\(count(.install)) to install", "\(count(.upgrade)) to upgrade", "\(count(.remove)) to remove",
            "\(count(.repair)) to repair",
        ]
        return "Plan: " + (main + others).joined(separator: ", ") + "."
    }
}
