public import Documents

/// The resource `otau_in`: how far the update is that `config_otau` asked for, with the statuses of ExoSense's schema.
public struct OtauReport: WireValue {
    /// What `config_otau` called the update.
    public var version: String
    /// A state of the update in upper case: `INIT`, `DOWNLOAD`, `INSTALL_SUCCESS`.
    public var status: String
    /// What went wrong; the key is left out where nothing did.
    public var message: String?

    /// The report of an update.
    public init(version: String, status: String, message: String? = nil) {
        self.version = version
        self.status = status
        self.message = message
    }

    /// The value of the resource.
    public var json: JSONValue {
        var members = [("version", version.json), ("status", status.json)]
        members.add("message", message)
        return .object(members)
    }

    /// Reads a report that a gwe has sent.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        version = try members.read("version")
        status = try members.read("status")
        message = try members.readIfAny("message")
    }
}
