public import Documents
public import GatewayModel

/// The resource `fetch_status`: how far each artifact is, by the name under which the command asked for it. An empty object
/// where there is nothing to say of any.
public typealias FetchStatus = ByName<FetchState>

extension FetchState: WireValue {
    /// What stands under the artifact's name.
    public var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("info", info.json), ("state", .string(state.rawValue)), ("version", version.json), ("name", name.json),
        ]
        members.add("content_available", contentAvailable)
        members.add("size", size)
        members.add("install_path", installPath)
        members.add("output", output)
        return .object(members)
    }

    /// Reads the state of one artifact.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        let word: String = try members.read("state")
        guard let state = Name(rawValue: word) else {
            throw WireError("expected a state of an update, found \(DocumentText.quoted(word))", at: "state")
        }
        self.init(
            state: state, info: try members.read("info"), name: try members.read("name"),
            version: try members.read("version"), contentAvailable: try members.readIfAny("content_available"),
            size: try members.readIfAny("size"), installPath: try members.readIfAny("install_path"),
            output: try members.readIfAny("output"))
    }
}
