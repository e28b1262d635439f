/// A value for one of the cloud's resources, as it is written there.
public struct CloudWrite: Sendable, Hashable {
    public var resource: CloudResource
    public var text: String

    public init(_ resource: CloudResource, _ text: String) {
        self.resource = resource
        self.text = text
    }
}

/// What the cloud acknowledged last of a resource.
public struct SentReport: Sendable, Hashable {
    public var text: String
    public var at: WallTime

    public init(text: String, at: WallTime) {
        self.text = text
        self.at = at
    }
}
