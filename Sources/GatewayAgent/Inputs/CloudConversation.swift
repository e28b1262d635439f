internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// The conversation with the cloud at the beginning of a pass: reports go out and commands come in, in one request. A
/// long manifest that was taken and still stands there is asked for by a second one, see `StandingManifest`.
///
/// A command is durable in the journal before it is cleared; clearing is a write of its own, after a look that the
/// value is still the one that was taken (D5, D6). So a power cut at any point loses no command and runs none
/// twice.
struct CloudConversation {
    let context: GatewayContext
    let journal: Journal
    let cloud: any CloudLink
    let emit: @Sendable (PassEvent) -> Void

    var delivery: ReportDelivery {
        ReportDelivery(context: context, journal: journal, cloud: cloud, emit: emit)
    }

    /// Sends reports and takes what stands in the cloud. Returns true when the inputs changed.
    func run(
        _ inputs: inout DesiredInputs, reports: [CloudWrite], usage: UsageDelivery? = nil
    ) throws(ConversationFailure) -> Bool {
        let standing = try standingManifest(inputs)
        let reads = CloudResource.inputs.filter { standing == nil || $0 != .engineFetch }
        let values = try delivery.send(reports, usage: usage, reading: reads)
        var changed = try take(interval: values[.updateInterval] ?? "", &inputs)
        changed =
            try OtauConversation(conversation: self).take(values[.configOtau] ?? "", &inputs) || changed
        if let standing {
            guard let text = try poll(standing, inputs) else {
                try accepted(.engineFetch, &inputs)
                return changed
            }
            changed = try take(command: text, &inputs) || changed
            let taken = inputs.memory[.engineFetch].taken
            if taken != CloudValue(.engineFetch, text).digest || taken != standing.digest {
                try noteStanding(text, inputs)
            }
            return changed
        }
        let text = values[.engineFetch] ?? ""
        changed = try take(command: text, &inputs) || changed
        try noteStanding(text, inputs)
        return changed
    }

    /// Takes commands until none stands there that was not taken: one may be written while another is cleared.
    private func take(command first: String, _ inputs: inout DesiredInputs) throws(ConversationFailure) -> Bool {
        var value = CloudValue(.engineFetch, first)
        var changed = false
        for _ in 0..<8 {
            let news = inputs.memory.news(of: value)
            switch news {
            case .empty:
                try noteCleared(&inputs)
                if value.text.isEmpty { return changed }
            case .taken:
                try accepted(value.resource, &inputs)
                return changed
            case .uncleared: break
            case .refused, .new:
                guard let needsClear = try accept(value, &inputs) else { return changed }
                changed = true
                guard needsClear else { return changed }
            }
            guard let newer = try clear(value, &inputs) else { return changed }
            value = CloudValue(.engineFetch, newer)
        }
        return changed
    }

    /// Nothing stands there any more: not what was taken, nor what was refused.
    private func noteCleared(_ inputs: inout DesiredInputs) throws(ConversationFailure) {
        let isForgotten = inputs.memory[.engineFetch].taken != nil
        try journaled { () throws(JournalError) in
            try journal.markCleared(resource: .engineFetch)
            if isForgotten { try journal.setTaken(.engineFetch, nil) }
        }
        inputs.memory[.engineFetch].taken = nil
        inputs.memory[.engineFetch].uncleared = nil
        try accepted(.engineFetch, &inputs)
    }

    /// Makes a command durable. nil when it changes nothing, because it is refused; otherwise whether it is to be cleared.
    private func accept(_ value: CloudValue, _ inputs: inout DesiredInputs) throws(ConversationFailure) -> Bool? {
        let command: CloudCommand
        do throws(DocumentErrors) { command = try CloudCommand.decode(value) } catch {
            try reject(value, error, &inputs)
            return nil
        }
        try accepted(value.resource, &inputs)
        let isInstall: Bool
        switch command {
        case .none: return true
        case .install: isInstall = true
        case .manifest: isInstall = false
        }
        let taken = isInstall ? nil : value.digest
        inputs.cloud = try store(command, value, isCleared: !isInstall, inputs, taken: taken)
        inputs.memory[value.resource] = CloudMemory.Entry(taken: taken, uncleared: isInstall ? value.digest : nil)
        inputs.hasNews = true
        FaultPoint.pass("command.accepted")
        return isInstall
    }

    /// The command, the layer it leads to, and what is remembered of it, in one transaction.
    func store(
        _ command: CloudCommand, _ value: CloudValue, isCleared: Bool, _ inputs: DesiredInputs, taken: String?,
        values: [String: String] = [:]
    ) throws(ConversationFailure) -> CloudLayer {
        FaultPoint.pass("command.before")
        let now = context.clock()
        let before = inputs.cloud
        return try journaled { () throws(JournalError) in
            try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
                let number = try c.insertCommand(
                    resource: value.resource.rawValue, text: value.text, isCleared: isCleared, at: now)
                let next = before.after(command, number: number)
                let record = LayerRecord(
                    source: value.resource.rawValue, text: next.layer?.canonicalJSON().text() ?? "",
                    digest: next.generation ?? "")
                try c.setLayer(.cloud, record, naming: next.layer?.apps.keys.sorted() ?? [], at: now)
                try c.setTaken(value.resource, taken)
                for (key, text) in values { try c.setValue(key, text) }
                if case .install(let entries, _) = command {
                    for entry in entries {
                        let state = FetchState(
                            state: .initial, info: "command taken", name: entry.app.text, version: entry.version.text)
                        try c.setFetchStatus(entry.tarball, state, at: now)
                    }
                }
                return next
            }
        }
    }

    /// Clears a resource if it still holds the value; returns what stands there instead.
    private func clear(_ value: CloudValue, _ inputs: inout DesiredInputs) throws(ConversationFailure) -> String? {
        FaultPoint.pass("clear.before")
        let now = try request(writing: [], reading: [value.resource])[value.resource] ?? ""
        FaultPoint.pass("clear.looked")
        if now == value.text { _ = try request(writing: [CloudWrite(value.resource, "")], reading: []) }
        FaultPoint.pass("clear.after")
        try journaled { () throws(JournalError) in try journal.markCleared(resource: value.resource) }
        inputs.memory[value.resource].uncleared = nil
        FaultPoint.pass("clear.recorded")
        return now == value.text || now.isEmpty ? nil : now
    }

    private func take(interval text: String, _ inputs: inout DesiredInputs) throws(ConversationFailure) -> Bool {
        let value = CloudValue(.updateInterval, text)
        guard !value.isBlank else {
            try accepted(value.resource, &inputs)
            return false
        }
        guard let seconds = UpdateInterval.seconds(text) else {
            let longest = UpdateInterval.limits.upperBound.components.seconds
            let error = DocumentError(
                source: value.resource.rawValue, mark: nil,
                message: "expected a number of seconds from 1 to \(longest), found \"\(text.prefix(40))\"")
            try reject(value, DocumentErrors(error), &inputs)
            return false
        }
        try accepted(value.resource, &inputs)
        if inputs.cloudInterval != .seconds(seconds) {
            try journaled { () throws(JournalError) in try journal.setValue(Journal.intervalKey, String(seconds)) }
            inputs.cloudInterval = .seconds(seconds)
            FaultPoint.pass("interval.accepted")
        }
        _ = try clear(value, &inputs)
        return true
    }

    /// A resource is empty or good again: that nothing is wrong in it any more is news, once.
    func accepted(_ resource: CloudResource, _ inputs: inout DesiredInputs) throws(ConversationFailure) {
        let isNews = try journaled { () throws(JournalError) in
            guard try journal.clearProblem(source: resource.rawValue) else { return false }
            try journal.setFetchStatus(resource.rawValue, nil)
            return true
        }
        inputs.memory[resource].refused = nil
        if isNews { inputs.hasNews = true }
    }

    /// Says once what is wrong: on the log, in `fetch_status`, in `gwe status`. The last good layer stays in force.
    func reject(
        _ value: CloudValue, _ error: DocumentErrors, _ inputs: inout DesiredInputs
    ) throws(ConversationFailure) {
        let message = "\(error)"
        let source = value.resource.rawValue
        inputs.add(.init(source: source, digest: value.digest, message: message, exit: .badInput))
        var isNew = false
        try journaled { () throws(JournalError) in
            guard try journal.reportProblem(source: source, digest: value.digest, message: message) else { return }
            isNew = true
            let state = FetchState(state: .testError, info: message, name: source, version: "")
            try journal.setFetchStatus(source, state)
            emit(.problem(message))
        }
        inputs.memory[value.resource].refused = value.digest
        if isNew { inputs.hasNews = true }
    }

    func request(
        writing: [CloudWrite], reading: [CloudResource]
    ) throws(ConversationFailure) -> [CloudResource: String] {
        do throws(CloudFailure) { return try cloud.request(writing: writing, reading: reading) } catch {
            throw .cloud(error)
        }
    }

    func journaled<Result>(_ body: () throws(JournalError) -> Result) throws(ConversationFailure) -> Result {
        do throws(JournalError) { return try body() } catch { throw .journal(error) }
    }
}
