internal import Documents
internal import GatewayModel
internal import Glibc
internal import GatewaySystem

/// The layers of a pass and what went wrong in reading them. Made anew for each pass; `accept` makes them durable.
struct DesiredInputs: Sendable {
    var local: Layer?
    var cloud = CloudLayer()
    var operatorLayer = OperatorLayer()
    var named = NamedApps()
    /// Rejected input that is in force, in words.
    var problems: [Problem] = []
    /// The text of the manifest when it is good and newer than the journal's.
    var newLocalText: LayerRecord?
    /// What was taken, refused and cleared of the cloud's values.
    var memory = CloudMemory()
    /// Set when a command was taken or rejected in this pass: the cloud is to be told at its end.
    var hasNews = false
    /// The interval that the cloud set; cleared there, kept in the journal.
    var cloudInterval: Duration?

    struct Problem: Sendable, Hashable {
        var source: String
        /// Of the rejected text, so that the same one is reported once.
        var digest: String
        var message: String
        var exit: ExitStatus
    }

    /// A manifest of more than this is refused.
    static let manifestByteLimit = 1 << 20

    /// Reads the manifest file and, where there is a journal, the last good layers. Writes nothing.
    static func load(context: GatewayContext, journal: Journal?) throws(JournalError) -> DesiredInputs {
        var inputs = DesiredInputs()
        let lastLocal = try journal?.layer(.local)
        inputs.loadLocal(context: context, last: lastLocal)
        if let record = try journal?.layer(.cloud) { inputs.loadCloud(record) }
        if let record = try journal?.layer(.operatorCommand) { inputs.loadOperator(record) }
        inputs.named = try journal?.namedApps() ?? NamedApps()
        // A layer that cannot be read removes nothing (D2).
        if inputs.isOperatorLayerUnreadable { inputs.named.operatorCommand = [] }
        inputs.memory = try journal?.cloudMemory() ?? CloudMemory()
        inputs.cloudInterval = try journal?.value(Journal.intervalKey).flatMap(Int64.init).map { .seconds($0) }
        return inputs
    }

    /// Reads the manifest file anew; the other layers stay as they were read.
    mutating func readLocalAgain(context: GatewayContext, last: LayerRecord?) {
        let path = context.manifestFile
        let name = String(path.split(separator: "/").last ?? Substring(path))
        problems.removeAll { $0.source == name }
        local = nil
        newLocalText = nil
        loadLocal(context: context, last: last)
    }

    private mutating func loadLocal(context: GatewayContext, last: LayerRecord?) {
        let path = context.manifestFile
        let name = String(path.split(separator: "/").last ?? Substring(path))
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try AtomicFile.read(path, limit: DesiredInputs.manifestByteLimit)
        } catch {
            let isMissing = error.code == ENOENT
            let isStandard = path == context.folders.manifestFile
            if !isMissing || last != nil || !isStandard {
                var message = isMissing ? "cannot read \(path): there is no such file" : "\(error)"
                // Only of the standard place is it known that the last one was there.
                if isMissing, isStandard, last?.source == name { message = "\(path) was there and is gone" }
                if let last { message += "; the last good one (\(last.source)) stays in force" }
                add(Problem(source: name, digest: message, message: message, exit: isMissing ? .noInput : .badInput))
            }
            return useLast(last)
        }
        let digest = SHA256.hex(of: bytes)
        do throws(DocumentErrors) {
            local = try ManifestDecoder.decode(bytes, source: name, kind: .local, yaml: YAML.read)
            if digest != last?.digest {
                newLocalText = LayerRecord(source: name, text: String(decoding: bytes, as: UTF8.self), digest: digest)
            }
        } catch {
            add(Problem(source: name, digest: digest, message: "\(error)", exit: .badInput))
            useLast(last)
        }
    }

    private mutating func useLast(_ record: LayerRecord?) {
        guard let record else { return }
        local = try? ManifestDecoder.decodeStored(Array(record.text.utf8), source: record.source, yaml: YAML.read)
    }

    /// The same with another manifest of this gateway in force.
    func withLocal(_ record: LayerRecord) -> DesiredInputs {
        var inputs = self
        inputs.local = nil
        inputs.useLast(record)
        return inputs
    }

    private mutating func loadCloud(_ record: LayerRecord) {
        do throws(DocumentErrors) {
            cloud.layer = try Layer.stored(record.text, source: "journal: cloud layer", origin: .cloud)
            cloud.generation = record.digest.isEmpty ? nil : record.digest
        } catch {
            add(Problem(source: DesiredInputs.cloudSource, digest: record.digest, message: "\(error)", exit: .badInput))
        }
    }

    private mutating func loadOperator(_ record: LayerRecord) {
        do throws(DocumentErrors) {
            operatorLayer = try OperatorLayer.stored(record.text)
        } catch {
            add(
                Problem(
                    source: DesiredInputs.operatorSource, digest: record.digest, message: "\(error)", exit: .badInput))
        }
    }

    /// Whether the journal has an operator's layer that this gwe cannot read.
    var isOperatorLayerUnreadable: Bool { problems.contains { $0.source == DesiredInputs.operatorSource } }

    static let operatorSource = "operator"
    private static let cloudSource = "cloud"

    /// Whether every layer that the journal has could be read.
    var areLayersReadable: Bool {
        !problems.contains { $0.source == DesiredInputs.operatorSource || $0.source == DesiredInputs.cloudSource }
    }

    mutating func add(_ problem: Problem) { problems.append(problem) }

    /// The layers as one desired state.
    /// - Parameter installed: the wish that each installed release fulfils.
    func merged(installed: [AppName: ReleaseWish]) -> DesiredState {
        DesiredState.merge(
            local: local, cloud: cloud.layer, operator: operatorLayer, named: named, installed: installed)
    }

    /// The interval in force between two polls: the cloud's word, then its manifest's, then the local manifest's, then
    /// gateway.yaml's, then four hours.
    func updateInterval(_ configuration: GatewayConfiguration) -> Duration {
        cloudInterval ?? cloud.layer?.updateInterval?.value ?? local?.updateInterval?.value
            ?? configuration.updateInterval?.value ?? UpdateInterval.standard
    }

    /// Whether any layer was ever seen.
    var isKnown: Bool { local != nil || cloud.layer != nil || !operatorLayer.apps.isEmpty }

    /// Drops releases of the operator that the other layers have overtaken (D1), so that they do not come back.
    mutating func forgetSuperseded(in desired: DesiredState, _ journal: Journal) throws(JournalError) {
        let before = operatorLayer
        operatorLayer.forgetSuperseded(in: desired)
        guard operatorLayer != before else { return }
        let after = operatorLayer
        try journal.changeOperatorLayer { layer in
            // What the operator has said since this pass looked stays.
            for (app, entry) in before.apps where layer.apps[app] == entry { layer.apps[app] = after.apps[app] }
        }
    }

    /// The worst exit status of the rejected input, or nil.
    var exit: ExitStatus? { problems.isEmpty ? nil : problems.contains { $0.exit == .badInput } ? .badInput : .noInput }

    /// Makes a newer manifest durable and notes or forgets rejected input.
    func accept(into journal: Journal) throws(JournalError) -> [Problem] {
        if let record = newLocalText {
            FaultPoint.pass("manifest.before")
            try journal.setLayer(.local, record, naming: local?.apps.keys.sorted() ?? [])
            FaultPoint.pass("manifest.accepted")
        }
        let sources = Set(problems.map(\.source))
        // What was wrong in the cloud is in force until something else stands there.
        let cloud = Set(CloudResource.inputs.map(\.rawValue))
        let kept = sources.union(cloud).union(Journal.machineSources)
        for (source, _) in try journal.problems() where !kept.contains(source) {
            try journal.clearProblem(source: source)
        }
        var news: [Problem] = []
        for problem in problems where !cloud.contains(problem.source) {
            if try journal.reportProblem(source: problem.source, digest: problem.digest, message: problem.message) {
                news.append(problem)
            }
        }
        return news
    }
}
