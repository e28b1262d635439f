internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Wire

/// How far the update of `config_otau` is, for `otau_in`: `{version, status, message?}` with the statuses of ExoSense's
/// schema. Found anew from journal and plan each time, so that a crash loses none of it; forgotten once the cloud has
/// acknowledged INSTALL_SUCCESS.
struct OtauProgress {
    /// What the journal keeps of an update.
    struct Record: Sendable, Hashable {
        var version: String
        /// Under which name `fetch_status` speaks of each app.
        var artifacts: [AppName: String]
        /// Why the update was refused as a whole.
        var refusal: String?
    }

    /// Where the journal keeps the record.
    static let key = "otau"
    static let success = "INSTALL_SUCCESS"

    let journal: Journal
    let record: Record

    /// nil when no update is under way.
    init?(journal: Journal) throws(JournalError) {
        guard let text = try journal.value(OtauProgress.key), let record = Record(text) else { return nil }
        self.journal = journal
        self.record = record
    }

    static func text(_ version: String, _ status: String, message: String? = nil) -> String {
        OtauReport(version: version, status: status, message: message).jsonText()
    }

    /// What the cloud is to be told, if it does not know yet.
    func due(
        _ plan: Plan, sent: [CloudResource: SentReport]
    ) throws(JournalError) -> CloudWrite? {
        let (status, message) = try status(plan)
        let write = CloudWrite(.otauIn, OtauProgress.text(record.version, status, message: message))
        guard sent[write.resource]?.text == write.text else { return write }
        if status == OtauProgress.success { try journal.setValue(OtauProgress.key, nil) }
        return nil
    }

    /// Tells of a phase of the pass that runs, if it is about this update. What the cloud misses it learns at the end.
    func tell(_ status: String, _ apps: [AppName], by delivery: ReportDelivery) throws(JournalError) {
        guard apps.contains(where: { record.artifacts[$0] != nil }) else { return }
        do throws(ConversationFailure) {
            _ = try delivery.send([CloudWrite(.otauIn, OtauProgress.text(record.version, status))])
        } catch {
            if case .journal(let failure) = error { throw failure }
        }
    }

    /// An error of one app is the update's; an update is done when all of its apps are in sync.
    private func status(_ plan: Plan) throws(JournalError) -> (status: String, message: String?) {
        if let refusal = record.refusal { return ("TEST_ERROR", refusal) }
        let states = try Dictionary(
            journal.fetchStatus(limit: 50).map { ($0.artifact, $0.state) }, uniquingKeysWith: { first, _ in first })
        var pending: String?
        for (app, label) in record.artifacts.sorted(by: { $0.key < $1.key }) {
            guard let change = plan.apps.first(where: { $0.app == app }) else { continue }
            if change.action == .blocked { return ("INSTALL_ERROR", "\(app): \(change.reason)") }
            let state = states[label]?.state ?? .initial
            switch state {
            case .testError, .downloadError, .installError:
                return (state.rawValue.uppercased(), "\(app): \(states[label]?.info ?? "")")
            case .installSuccess: pending = pending ?? "INSTALL"
            case .initial, .test, .testSuccess, .download, .downloadSuccess, .install:
                pending = pending ?? state.rawValue.uppercased()
            }
        }
        return (pending ?? OtauProgress.success, nil)
    }
}

extension OtauProgress.Record {
    var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("version", .string(version)),
            ("artifacts", .object(artifacts.sorted { $0.key < $1.key }.map { ($0.key.text, .string($0.value)) })),
        ]
        if let refusal { members.append(("refusal", .string(refusal))) }
        return .object(members)
    }

    /// nil for a text that no gwe wrote.
    init?(_ text: String) {
        guard let json = (try? JSON.parse(Array(text.utf8), source: "otau"))?.json,
            let version = json["version"]?.string
        else { return nil }
        self.version = version
        let pairs = (json["artifacts"]?.members ?? []).compactMap { name, label in
            AppName(name).flatMap { app in label.string.map { (app, $0) } }
        }
        artifacts = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
        refusal = json["refusal"]?.string
    }
}
