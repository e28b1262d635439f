internal import GatewayModel
internal import Documents
internal import GatewaySystem

/// What a person at the gateway says, made durable as the operator layer (D1). A pass makes it so.
struct OperatorCommands {
    let context: GatewayContext
    let journal: Journal

    /// The layers, and what those of them want that are not the operator's.
    func inputs() throws(JournalError) -> (inputs: DesiredInputs, merged: DesiredState) {
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        var others = inputs
        others.operatorLayer = OperatorLayer()
        return (inputs, others.merged(installed: try journal.apps().compactMapValues { $0.current?.wish }))
    }

    func isKnown(_ app: AppName) throws(JournalError) -> Bool {
        let (inputs, merged) = try inputs()
        return merged.apps[app] != nil || inputs.operatorLayer.apps[app] != nil
    }

    /// Changes the operator's word on one app. Nothing is written when nothing changes.
    func change(_ app: AppName, _ body: (inout OperatorEntry, _ base: ReleaseWish?) -> Void) throws(JournalError) {
        let (inputs, merged) = try inputs()
        if inputs.isOperatorLayerUnreadable, let problem = inputs.problems.first(where: { $0.exit == .badInput }) {
            throw JournalError("cannot change what the operator said: \(problem.message)")
        }
        let base = base(of: app, merged)
        try journal.changeOperatorLayerForGood { layer in
            var entry = layer.apps[app] ?? OperatorEntry()
            body(&entry, base)
            layer.apps[app] = entry.isEmpty ? nil : entry
        }
    }

    private func base(of app: AppName, _ merged: DesiredState) -> ReleaseWish? {
        guard let release = merged.apps[app]?.release else { return nil }
        if case .installed = release.origin { return nil }
        return release.value
    }

    func hold(_ app: AppName) throws(JournalError) { try change(app) { entry, _ in entry.hold = true } }
    func stop(_ app: AppName) throws(JournalError) { try change(app) { entry, _ in entry.state = .stopped } }

    /// Takes a hold back, and the operator's release too where the other layers want one of the app (D1). An app
    /// that the operator alone named keeps its release: that ends with `remove`.
    func unhold(_ app: AppName) throws(JournalError) {
        try change(app) { entry, base in
            entry.hold = false
            guard base != nil else { return }
            entry.release = nil
            entry.base = nil
        }
    }

    /// Takes a stop back; where a layer says stopped, the operator says running.
    func start(_ app: AppName) throws(JournalError) {
        let layered = try inputs().merged.apps[app]?.state.value
        try change(app) { entry, _ in entry.state = layered == .stopped ? .running : nil }
    }
}

extension Journal {
    /// Changes the operator's layer as it stands now, and notes which apps it has a release of (D2). One
    /// transaction from reading to writing: in a daemon several requests and a pass may come at once, and none may undo
    /// another's word.
    /// - Returns: whether it changed.
    @discardableResult
    func changeOperatorLayer(_ body: (inout OperatorLayer) -> Void) throws(JournalError) -> Bool {
        let now = clock()
        return try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            let name = LayerName.operatorCommand
            let text = try c.query("SELECT text FROM layer WHERE name = ?", [.text(name.rawValue)]).first?[0].string
            let before =
                text.flatMap { try? OperatorLayer.stored($0) } ?? OperatorLayer()
            var layer = before
            body(&layer)
            guard layer != before else { return false }
            let json = layer.canonicalJSON().text()
            let named = layer.apps.filter { $0.value.release != nil }.map(\.key).sorted()
            let record = LayerRecord(source: "operator", text: json, digest: SHA256.hex(of: json.utf8))
            try c.setLayer(name, record, naming: named, at: now)
            let key = OperatorWishTimes.key
            let noted = try c.query("SELECT value FROM meta WHERE key = ?", [.text(key)]).first?[0].string
            var times = OperatorWishTimes(text: noted)
            times.follow(from: before, to: layer, at: now)
            try c.setValue(key, times.text)
            return true
        }
    }

    /// The same for a person who is told that it is so. While a pass runs, the log keeps it, durably; but a log can be
    /// deleted, or left out of a copy of the journal, and nothing else knows what a person has said: it is committed at once.
    func changeOperatorLayerForGood(_ body: (inout OperatorLayer) -> Void) throws(JournalError) {
        if try changeOperatorLayer(body) { commitSpan() }
    }
}
