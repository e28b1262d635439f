public import Documents
public import GatewayModel

/// What a pass is asked to do: the body of `POST /v1/reconcile`. Every key may be left out.
public struct PassRequest: WireValue {
    /// Where a pass stops (`--until`).
    public enum Until: String, Sendable, Hashable, CaseIterable {
        /// Artifacts are in `downloads/`.
        case download
        /// Releases are unpacked and checked.
        case stage
    }

    /// Does not talk to the cloud; artifacts that are not here cannot be fetched.
    public var isOffline = false
    /// Rehashes every file instead of comparing size, time, mode and inode.
    public var isDeep = false
    /// Whether a person sits at the terminal: then no patience with the cloud holds.
    public var isByHand = false
    /// Where it stops; nil: at the end.
    public var until: Until?
    /// These apps alone, each once, sorted; nil: all. Never an empty list.
    public var apps: [AppName]?

    /// A whole pass.
    public init() {}

    /// The body.
    public var json: JSONValue {
        var members = [("offline", isOffline.json), ("deep", isDeep.json), ("by_hand", isByHand.json)]
        members.add("until", until?.rawValue)
        members.add("apps", apps)
        return .object(members)
    }

    /// Reads the body.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        isOffline = try members.readIfAny("offline") ?? false
        isDeep = try members.readIfAny("deep") ?? false
        isByHand = try members.readIfAny("by_hand") ?? false
        if let word = members["until"], word != .null {
            guard let until = word.string.flatMap(Until.init) else {
                throw WireError("expected \"download\" or \"stage\"", at: "until")
            }
            self.until = until
        }
        guard let names = members["apps"], names != .null else { return }
        var apps: Set<AppName> = []
        for name in try [JSONText](json: names) {
            guard let app = name.json.string.flatMap(AppName.init) else {
                throw WireError("\(name.json.text()) is no app name")
            }
            apps.insert(app)
        }
        if !apps.isEmpty { self.apps = apps.sorted() }
    }
}

/// A value that is read as it is.
private struct JSONText: WireValue {
    var json: JSONValue
}
