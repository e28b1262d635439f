internal import GatewayModel
internal import GatewaySystem

/// Why an app cannot be removed by hand.
struct RemovalRefusal: Error, Sendable, CustomStringConvertible {
    var exit: ExitStatus
    var description: String
}

/// `gwe remove APP`: takes back what the operator alone wished for.
extension OperatorCommands {
    /// Takes the operator's word on an app back, so that the next pass removes the app. Nothing is changed for an app
    /// that another layer names, or that is held.
    /// - Parameter isPurge: whether an app that nobody knows may have left data.
    /// - Throws: the refusal, also when the journal cannot be written.
    func takeBack(_ app: AppName, isPurge: Bool) throws(RemovalRefusal) {
        let refusal: RemovalRefusal?
        do throws(JournalError) {
            refusal = try self.refusal(app, isPurge: isPurge)
            if refusal == nil {
                FaultPoint.pass("operator.removing")
                try journal.takeOperatorBack(app)
                FaultPoint.pass("operator.removed")
            }
        } catch {
            throw RemovalRefusal(exit: error.exit, description: error.description)
        }
        if let refusal { throw refusal }
    }

    private func refusal(_ app: AppName, isPurge: Bool) throws(JournalError) -> RemovalRefusal? {
        let inputs = try DesiredInputs.load(context: context, journal: journal)
        let records = try journal.apps()
        let entry = inputs.operatorLayer.apps[app]
        var without = inputs
        without.operatorLayer.apps[app] = nil
        // Of an app that no layer ever named, as after a rebuild of the journal, the operator speaks alone.
        without.named.operatorCommand.insert(app)
        let merged = without.merged(installed: records.compactMapValues { $0.current?.wish })
        if let still = merged.apps[app] { return RemovalRefusal(still, inputs) }
        let hasData = isPurge && FileTree.exists(context.folders.dataFolder(of: app))
        guard entry != nil || records[app] != nil || hasData else {
            return RemovalRefusal(exit: .noSuchApp, description: "no such app: \(app)")
        }
        guard entry?.hold != true else {
            return RemovalRefusal(
                exit: .deferred, description: "\(app) is held, nothing was changed: gwe unhold \(app)")
        }
        return nil
    }
}

extension RemovalRefusal {
    /// Somebody else than the operator wants the app.
    fileprivate init(_ app: DesiredApp, _ inputs: DesiredInputs) {
        let places = [app.release?.origin, app.state.origin].compactMap { origin in
            switch origin {
            case .manifest?, .cloud?: origin?.description
            case .operatorCommand?, .installed?, .builtin?, nil: nil
            }
        }
        let isNamed = inputs.local?.apps[app.name] != nil || inputs.cloud.layer?.apps[app.name] != nil
        let why =
            places.first.map { "\(app.name) is named by \($0): take it out there" }
            ?? (isNamed
                ? "\(app.name) is named by another layer: take it out there"
                : "a layer that has named \(app.name) is not known now")
        self.init(exit: .failure, description: "\(why); nothing was changed")
    }
}

extension Journal {
    /// Forgets what the operator said of an app, and remembers that the operator named it, so that it may be removed
    /// (D2).
    fileprivate func takeOperatorBack(_ app: AppName) throws(JournalError) {
        // First the name: after a crash in between the operator's wish still holds.
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in
            try c.execute(
                "INSERT OR IGNORE INTO named_app (app, layer) VALUES (?, ?)",
                [.text(app.text), .text(LayerName.operatorCommand.rawValue)])
        }
        try changeOperatorLayerForGood { $0.apps[app] = nil }
    }
}
