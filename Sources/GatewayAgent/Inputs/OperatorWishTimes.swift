internal import Documents
internal import GatewayModel

/// Since when each word of the operator is in force. Beside the operator's layer and not in it, so that the version before
/// can read that. Of a moment at which the clock was not believed nothing is kept.
struct OperatorWishTimes: Sendable, Hashable {
    /// What of an entry has a time of its own.
    enum Part: String, Sendable, CaseIterable { case release, state, hold }

    private var times: [AppName: [Part: WallTime]] = [:]

    /// Under this key the journal keeps them.
    static let key = "operator_since"

    /// - Parameter text: as `text` has written it; what cannot be read is not known.
    init(text: String?) {
        guard let text, let json = try? JSON.parse(text, source: Self.key).json else { return }
        for (name, parts) in json.members ?? [] {
            guard let app = AppName(name) else { continue }
            for (part, time) in parts.members ?? [] {
                guard let part = Part(rawValue: part), let time = time.int else { continue }
                times[app, default: [:]][part] = WallTime(milliseconds: time)
            }
        }
    }

    /// For the journal.
    var text: String {
        let members = times.sorted { $0.key < $1.key }.map { app, parts in
            let parts = parts.sorted { $0.key.rawValue < $1.key.rawValue }
            return (app.text, JSONValue.object(parts.map { ($0.key.rawValue, JSONValue.int($0.value.milliseconds)) }))
        }
        return JSONValue.object(members).text()
    }

    /// nil where it is not known.
    subscript(app: AppName, part: Part) -> WallTime? { times[app]?[part] }

    /// Takes a change of the layer into account: what is new is so since now, and what is gone has no time.
    mutating func follow(from before: OperatorLayer, to after: OperatorLayer, at now: WallTime) {
        times = times.filter { after.apps[$0.key] != nil }
        for (app, entry) in after.apps {
            let old = before.apps[app] ?? OperatorEntry()
            note(app, .release, isThere: entry.release != nil, isNew: entry.release != old.release, now)
            note(app, .state, isThere: entry.state != nil, isNew: entry.state != old.state, now)
            note(app, .hold, isThere: entry.hold, isNew: entry.hold != old.hold, now)
        }
        times = times.filter { !$0.value.isEmpty }
    }

    private mutating func note(_ app: AppName, _ part: Part, isThere: Bool, isNew: Bool, _ now: WallTime) {
        guard isNew || !isThere else { return }
        times[app, default: [:]][part] = isThere && !now.isInDoubt ? now : nil
    }
}
