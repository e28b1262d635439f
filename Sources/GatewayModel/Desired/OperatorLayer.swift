public import Documents

/// What a person at the gateway said: `stop`, `start`, `hold`, `unhold`, `rollback`, `-I`, `remove` (D1).
public struct OperatorLayer: Sendable, Hashable {
    /// Apps that an operator has said something of that is in force.
    public var apps: [AppName: OperatorEntry]

    /// A layer by hand; `stored(_:source:)` reads the one in the journal.
    public init(apps: [AppName: OperatorEntry] = [:]) { self.apps = apps }

    /// Forgets releases that the other layers have overtaken, so that they do not come back when those layers change
    /// again. To be called, and stored, after each merge that is acted on.
    public mutating func forgetSuperseded(in desired: DesiredState) {
        for (name, entry) in apps where entry.release != nil {
            if desired.apps[name]?.release?.origin == .operatorCommand { continue }
            apps[name]?.release = nil
            apps[name]?.base = nil
        }
        apps = apps.filter { !$0.value.isEmpty }
    }

    /// How the layer is stored in the journal.
    public func canonicalJSON() -> JSONValue {
        .object(apps.sorted { $0.key < $1.key }.map { ($0.key.text, $0.value.canonicalJSON(of: $0.key)) })
    }

    /// Reads back what `canonicalJSON` wrote, that of a newer gwe too: its other keys are kept as they are.
    /// - Parameter source: where it stood, for errors.
    public static func stored(_ text: String, source: String = "journal: operator layer") throws(DocumentErrors)
        -> OperatorLayer
    {
        let node: Node
        do throws(DocumentError) {
            node = try JSON.parse(text, source: source, limits: DocumentLimits(byteCount: 16 << 20, nodeCount: 1 << 20))
        } catch {
            throw DocumentErrors(error)
        }
        let problems = Problems(source: source, isStored: true)
        var layer = OperatorLayer()
        for entry in Field(node, problems: problems).mapping() ?? [] {
            let field = Field(entry.node, path: .root.child(entry.key), problems: problems)
            guard let name = AppName(entry.key) else {
                field.report("no app's name: \(AppName.form)")
                continue
            }
            layer.apps[name] = OperatorEntry.decode(field, of: name)
        }
        try problems.throwIfAny()
        return layer
    }
}

/// The operator's word on one app.
public struct OperatorEntry: Sendable, Hashable {
    /// From `rollback` or `-I`. Void as soon as the other layers want another release than `base`.
    public var release: ReleaseWish?
    /// What the other layers wanted when the operator named `release`; nil when they wanted none.
    public var base: ReleaseWish?
    /// `stop` sets stopped, and `start` takes it back: nil, or running where a layer says stopped.
    public var state: WantedState?
    /// `hold` sets it, `unhold` takes it back. It cannot undo another layer's hold.
    public var hold: Bool
    /// Whether `release` may be lower than what is in force (`install --allow-downgrade`).
    public var allowsDowngrade = false
    /// What a newer gwe wrote beside, by its key, as JSON: this one knows only that it is not to be lost.
    var others: [String: String] = [:]

    /// What a command of the operator leads to; without arguments, nothing.
    public init(
        release: ReleaseWish? = nil, base: ReleaseWish? = nil, state: WantedState? = nil, hold: Bool = false
    ) {
        self.release = release
        self.base = base
        self.state = state
        self.hold = hold
    }

    /// Whether nothing is left of it: the entry can be forgotten.
    public var isEmpty: Bool { release == nil && state == nil && !hold && others.isEmpty }

    func canonicalJSON(of name: AppName) -> JSONValue {
        var members = release?.members(of: name) ?? []
        if let base, release != nil { members.append(("base", .object(base.members(of: name)))) }
        if allowsDowngrade, release != nil { members.append(("allow_downgrade", true)) }
        if let state { members.append(("state", .string(state.rawValue))) }
        if hold { members.append(("hold", true)) }
        for (key, text) in others.sorted(by: { $0.key < $1.key }) {
            if let node = try? JSON.parse(text, source: key) { members.append((key, node.json)) }
        }
        return .object(members)
    }

    static func decode(_ field: Field, of name: AppName) -> OperatorEntry {
        var entry = OperatorEntry()
        let reader = ReleaseReader(app: name, allowsRun: true)
        let keys = ["version", "artifact", "run", "base", "state", "hold", "allow_downgrade"]
        guard let fields = Fields(field, keys: keys) else { return entry }
        for other in field.mapping() ?? [] where !keys.contains(other.key) {
            entry.others[other.key] = other.node.json.text()
        }
        entry.release = reader.read(fields)
        if let base = fields.field("base"), let fields = Fields(base, keys: ["version", "artifact", "run"]) {
            entry.base = reader.read(fields)
        }
        entry.state = fields.field("state")?.choice(of: WantedState.allCases.map(\.rawValue)).flatMap(WantedState.init)
        entry.hold = fields.field("hold")?.bool() ?? false
        entry.allowsDowngrade = fields.field("allow_downgrade")?.bool() ?? false
        return entry
    }
}
