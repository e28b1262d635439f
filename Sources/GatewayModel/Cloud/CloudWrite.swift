/// A value for one of the cloud's resources, as it is written there.
public struct CloudWrite: Sendable, Hashable {
    /// Where it goes.
    public var resource: CloudResource
    /// The whole new value; empty clears the resource.
    public var text: String

    /// A value to be written with the next request.
    public init(_ resource: CloudResource, _ text: String) {
        self.resource = resource
        self.text = text
    }
}

/// What the cloud acknowledged last of a resource.
public struct SentReport: Sendable, Hashable {
    /// The report as it was sent, to see whether the next one says anything new.
    public var text: String
    /// When the cloud acknowledged it.
    public var at: WallTime

    /// A report that has arrived.
    public init(text: String, at: WallTime) {
        self.text = text
        self.at = at
    }
}
