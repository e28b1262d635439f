public import Documents

/// What `gwe status --json` prints.
public enum StatusDocument: WireValue {
    /// The whole gateway.
    case gateway(GatewayStatusDocument)
    /// One app that was asked for by name.
    case app(AppDetail)
    /// Nothing can be said: the app is not known, or this user may not look.
    case refused(String)
    /// The journal cannot be read: only why.
    case unreadable([String])

    /// The document.
    public var json: JSONValue {
        switch self {
        case .gateway(let status): status.json
        case .app(let detail): detail.json
        case .refused(let error): .object([WireSchema.member, ("error", error.json)])
        case .unreadable(let problems): .object([WireSchema.member, ("problems", problems.json)])
        }
    }

    /// Reads the document, of whichever kind it is.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        try members.requireSchema()
        if let error: String = try members.readIfAny("error") {
            self = .refused(error)
        } else if members["app"] != nil {
            self = .app(try AppDetail(json: json))
        } else if members["summary"] == nil {
            self = .unreadable(try members.read("problems"))
        } else {
            self = .gateway(try GatewayStatusDocument(json: json))
        }
    }
}
