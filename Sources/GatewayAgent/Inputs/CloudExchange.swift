internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// The talk with the cloud at the beginning of a pass: reports go out and commands come in, in one request. A long
/// manifest that was taken and still stands there is asked for by a second one, see `StandingManifest`.
///
/// A command is durable in the journal before it is cleared; clearing is a write of its own, after a look that the
/// value is still the one that was taken (rules 5 and 6). So a power cut at any point loses no command and runs none
/// twice.
struct CloudExchange {
    let context: GatewayContext
    let journal: Journal
    let cloud: any CloudLink
    let emit: @Sendable (PassEvent) -> Void

    static let intervalResource = "update_interval"
    /// Where the journal keeps the digest of the manifest that stands in `engine_fetch` and was taken.
    static let takenManifestKey = "engine_fetch_manifest"
    static let inputs = [CloudCommands.resource, "update_interval", CloudCommands.otauResource]

    /// Sends reports and takes what stands in the cloud. Returns true when the inputs changed.
    func run(
        _ inputs: inout DesiredInputs, reports: [(resource: String, text: String)], usage: UsageDelivery? = nil
    ) throws(PassFailure) -> Bool {
        let standing = try standingManifest(inputs)
        let reads = CloudExchange.inputs.filter { standing == nil || $0 != CloudCommands.resource }
        var usage = usage
        let values = try exchange(reports, reads, &usage)
        FaultPoint.pass("exchange.done")
        try journaled { () throws(JournalError) in try journal.markSent(reports) }
        FaultPoint.pass("exchange.recorded")
        try deliver(usage, values)
        var changed = try take(interval: values[CloudExchange.intervalResource] ?? "", &inputs)
        changed = try OtauExchange(exchange: self).take(values[CloudCommands.otauResource] ?? "", &inputs) || changed
        if let standing {
            guard let text = try poll(standing, inputs) else {
                try accepted(CloudCommands.resource, &inputs)
                return changed
            }
            changed = try take(command: text, &inputs) || changed
            if inputs.takenManifest != SHA256.hex(of: text.utf8) || inputs.takenManifest != standing.digest {
                try noteStanding(text, inputs)
            }
            return changed
        }
        let text = values[CloudCommands.resource] ?? ""
        changed = try take(command: text, &inputs) || changed
        try noteStanding(text, inputs)
        return changed
    }

    /// One request; a second one without `usage_report` where the cloud refuses the first and it may be the reason. If the
    /// second is refused too, it was not: then counts wait as they are.
    private func exchange(
        _ reports: [(resource: String, text: String)], _ reads: [String], _ usage: inout UsageDelivery?
    ) throws(PassFailure) -> [String: String] {
        do throws(CloudFailure) {
            return try cloud.exchange(
                writing: reports + (usage?.writes ?? []), reading: reads + (usage?.reads ?? []))
        } catch {
            guard let refused = usage, UsageDelivery.isRefusal(error) else { throw .cloud(error) }
            let values = try exchange(writing: reports, reading: reads)
            usage = nil
            try journaled { () throws(JournalError) in try refused.refuse(context) }
            emit(.problem("\(error); the same without usage_report was taken, which waits a day"))
            return values
        }
    }

    /// Forgets counts that the cloud has. Those that it does not have after all are sent by themselves; they can wait.
    private func deliver(_ usage: UsageDelivery?, _ values: [String: String]) throws(PassFailure) {
        guard let usage else { return }
        if !usage.hasArrived(values) {
            do throws(CloudFailure) {
                _ = try cloud.exchange(writing: [(UsageReport.resource, usage.text)], reading: [])
            } catch {
                let isRefused = UsageDelivery.isRefusal(error)
                if isRefused { try journaled { () throws(JournalError) in try usage.refuse(context) } }
                return emit(
                    .problem("\(error); usage_report \(isRefused ? "waits a day" : "goes out with the next pass")"))
            }
        }
        try journaled { () throws(JournalError) in try usage.acknowledge { emit(.problem($0)) } }
    }

    /// Takes commands until none stands there that was not taken: one may be written while another is cleared.
    private func take(command first: String, _ inputs: inout DesiredInputs) throws(PassFailure) -> Bool {
        var text = first
        var changed = false
        for _ in 0..<8 {
            let isKnown = try journaled { () throws(JournalError) in
                try journal.unclearedCommands(resource: CloudCommands.resource).last?.text == text
            }
            guard !text.isEmpty else {
                try journaled { () throws(JournalError) in
                    try journal.markCleared(resource: CloudCommands.resource)
                    if inputs.takenManifest != nil { try journal.setValue(CloudExchange.takenManifestKey, nil) }
                }
                inputs.takenManifest = nil
                try accepted(CloudCommands.resource, &inputs)
                return changed
            }
            if !isKnown {
                guard let needsClear = try accept(text, &inputs) else { return changed }
                changed = true
                guard needsClear else { return changed }
            }
            guard let newer = try clear(CloudCommands.resource, text) else { return changed }
            text = newer
        }
        return changed
    }

    /// Makes a command durable. nil when it changes nothing: rejected, or the manifest that is in force already.
    /// Otherwise whether it is to be cleared.
    private func accept(_ text: String, _ inputs: inout DesiredInputs) throws(PassFailure) -> Bool? {
        let command: CloudCommand
        do throws(DocumentErrors) {
            command = try CloudCommands.decode(text)
        } catch {
            try reject(CloudCommands.resource, text, error, &inputs)
            return nil
        }
        try accepted(CloudCommands.resource, &inputs)
        switch command {
        case .none: return true
        case .manifest(_, let digest) where digest == inputs.takenManifest: return nil
        case .manifest, .install: break
        }
        let taken: String? = if case .manifest(_, let digest) = command { digest } else { nil }
        let isInstall = taken == nil
        inputs.cloud = try store(
            command, resource: CloudCommands.resource, text: text, isCleared: !isInstall, inputs,
            values: [CloudExchange.takenManifestKey: taken])
        inputs.takenManifest = taken
        inputs.hasNews = true
        FaultPoint.pass("command.accepted")
        return isInstall
    }

    /// The command, the layer it leads to and single values of the journal, in one transaction.
    func store(
        _ command: CloudCommand, resource: String, text: String, isCleared: Bool, _ inputs: DesiredInputs,
        values: [String: String?]
    ) throws(PassFailure) -> CloudLayer {
        FaultPoint.pass("command.before")
        let now = context.clock()
        let before = inputs.cloud
        return try journaled { () throws(JournalError) in
            try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
                let run = try c.insertCommand(resource: resource, text: text, isCleared: isCleared, at: now)
                let next = before.after(command, number: run)
                let record = LayerRecord(
                    source: resource, text: next.layer?.canonicalJSON().text() ?? "", digest: next.generation ?? "")
                try c.setLayer(.cloud, record, naming: next.layer?.apps.keys.sorted() ?? [], at: now)
                for (key, value) in values { try c.setValue(key, value) }
                if case .install(let entries, _) = command {
                    for entry in entries {
                        let state = FetchState(
                            state: .initial, info: "command taken", name: entry.app.text, version: entry.version.text)
                        try c.setFetchStatus(entry.tarball, state.json, at: now)
                    }
                }
                return next
            }
        }
    }

    /// Clears a resource if it still holds the text; returns what stands there instead.
    private func clear(_ resource: String, _ text: String) throws(PassFailure) -> String? {
        FaultPoint.pass("clear.before")
        let now = try exchange(writing: [], reading: [resource])[resource] ?? ""
        FaultPoint.pass("clear.looked")
        if now == text { _ = try exchange(writing: [(resource, "")], reading: []) }
        FaultPoint.pass("clear.after")
        try journaled { () throws(JournalError) in try journal.markCleared(resource: resource) }
        FaultPoint.pass("clear.recorded")
        return now == text || now.isEmpty ? nil : now
    }

    private func take(interval text: String, _ inputs: inout DesiredInputs) throws(PassFailure) -> Bool {
        guard !text.allSatisfy(\.isWhitespace) else {
            try accepted(CloudExchange.intervalResource, &inputs)
            return false
        }
        let digits = text.filter { !$0.isWhitespace }
        guard let seconds = Int64(digits), (1...31_536_000).contains(seconds) else {
            let error = DocumentError(
                source: CloudExchange.intervalResource, mark: nil,
                message: "expected a number of seconds from 1 to 31536000, found \"\(text.prefix(40))\"")
            try reject(CloudExchange.intervalResource, text, DocumentErrors(error), &inputs)
            return false
        }
        try accepted(CloudExchange.intervalResource, &inputs)
        if inputs.cloudInterval != .seconds(seconds) {
            try journaled { () throws(JournalError) in try journal.setValue("update_interval", String(seconds)) }
            inputs.cloudInterval = .seconds(seconds)
            FaultPoint.pass("interval.accepted")
        }
        _ = try clear(CloudExchange.intervalResource, text)
        return true
    }

    /// A resource is empty or good again: that nothing is wrong in it any more is news, once.
    func accepted(_ resource: String, _ inputs: inout DesiredInputs) throws(PassFailure) {
        let isNews = try journaled { () throws(JournalError) in
            guard try journal.clearProblem(source: resource) else { return false }
            try journal.setFetchStatus(resource, nil)
            return true
        }
        if isNews { inputs.hasNews = true }
    }

    /// Says once what is wrong: on the log, in `fetch_status`, in `gwe status`. The last good layer stays in force.
    func reject(
        _ resource: String, _ text: String, _ error: DocumentErrors, _ inputs: inout DesiredInputs
    ) throws(PassFailure) {
        let message = "\(error)"
        let digest = SHA256.hex(of: text.utf8)
        inputs.add(.init(source: resource, digest: digest, message: message, exit: .badInput))
        var isNew = false
        try journaled { () throws(JournalError) in
            guard try journal.reportProblem(source: resource, digest: digest, message: message) else { return }
            isNew = true
            let state = FetchState(state: .testError, info: message, name: resource, version: "")
            try journal.setFetchStatus(resource, state.json)
            emit(.problem(message))
        }
        if isNew { inputs.hasNews = true }
    }

    func exchange(
        writing: [(resource: String, text: String)], reading: [String]
    ) throws(PassFailure) -> [String: String] {
        do throws(CloudFailure) { return try cloud.exchange(writing: writing, reading: reading) } catch {
            throw .cloud(error)
        }
    }

    func journaled<Result>(_ body: () throws(JournalError) -> Result) throws(PassFailure) -> Result {
        do throws(JournalError) { return try body() } catch { throw .journal(error) }
    }
}

/// Why the talk with the cloud ended early.
enum PassFailure: Error, Sendable {
    case cloud(CloudFailure)
    case journal(JournalError)
}
