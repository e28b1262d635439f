public import GatewayModel
public import Wire

/// `gwe status --wishes`: what operators asked for at this gateway and what is still in force, from the journal alone.
/// Writes nothing.
public struct WishesReport: Sendable {
    /// What is shown.
    public var document: WishesDocument
    /// What cannot be read, one sentence each.
    public var problems: [String]

    /// Looks into the journal.
    /// - Parameter only: the wishes of this app; nil: of all.
    /// - Returns: nil where nobody knows that app.
    public static func make(
        _ context: GatewayContext, only: AppName? = nil
    ) throws(JournalError) -> WishesReport? {
        let journal = try Journal.openReadOnly(folders: context.folders, clock: context.clock)
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        let installed = try journal?.apps().compactMapValues { $0.current?.wish } ?? [:]
        let desired = inputs.merged(installed: installed)
        var others = inputs
        others.operatorLayer = OperatorLayer()
        let without = others.merged(installed: installed)
        if let only, desired.apps[only] == nil, inputs.operatorLayer.apps[only] == nil, installed[only] == nil {
            return nil
        }
        let times = OperatorWishTimes(text: try journal?.value(OperatorWishTimes.key))
        var wishes: [WishesDocument.Wish] = []
        for app in Set(inputs.operatorLayer.apps.keys).union(desired.dropped).sorted() where only == nil || app == only
        {
            let entry = inputs.operatorLayer.apps[app] ?? OperatorEntry()
            func since(_ part: OperatorWishTimes.Part) -> String? { times[app, part]?.description }
            if let release = entry.release, desired.apps[app]?.release?.origin == .operatorCommand {
                let isNamed = without.apps[app].flatMap(\.release).map { $0.origin != .installed } ?? false
                var package: String?
                if case .path(let path) = release.location { package = path }
                wishes.append(
                    .init(
                        app: app, wish: .install, version: release.version, package: package, since: since(.release),
                        takenBackBy: "gwe \(isNamed ? "unhold" : "remove") \(app)"))
            }
            if entry.hold {
                wishes.append(.init(app: app, wish: .hold, since: since(.hold), takenBackBy: "gwe unhold \(app)"))
            }
            switch entry.state {
            case .stopped:
                wishes.append(.init(app: app, wish: .stop, since: since(.state), takenBackBy: "gwe start \(app)"))
            case .running:
                wishes.append(.init(app: app, wish: .start, since: since(.state), takenBackBy: "gwe stop \(app)"))
            case .absent, nil: break
            }
            // What a manifest dropped is that layer's wish.
            let isOperators =
                inputs.named.operatorCommand.contains(app) && !inputs.named.local.contains(app)
                && !inputs.named.cloud.contains(app)
            if isOperators, desired.dropped.contains(app), let release = installed[app] {
                var package = "PACKAGE"
                if case .path(let path) = release.location { package = path }
                wishes.append(.init(app: app, wish: .remove, takenBackBy: "gwe install \(package)"))
            }
        }
        let problems = inputs.problems.filter { $0.source == DesiredInputs.operatorSource }.map(\.message)
        return WishesReport(document: WishesDocument(wishes: wishes), problems: problems)
    }
}
