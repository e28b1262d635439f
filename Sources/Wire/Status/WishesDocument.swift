public import Documents
public import GatewayModel

/// What `gwe status --wishes --json` prints: what operators asked for at this gateway and what is still in force.
public struct WishesDocument: WireValue {
    /// What an operator may ask for.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// This package, before what the other layers want.
        case install
        /// Nothing of the app is to change.
        case hold
        /// The app is not to run.
        case stop
        /// The app is to run although a layer says stopped.
        case start
        /// The app is to go; the next pass removes it.
        case remove
    }

    /// One wish of an operator.
    public struct Wish: WireValue {
        /// The app.
        public var app: AppName
        /// What is asked for.
        public var wish: Word<Kind>
        /// Of an install: the version.
        public var version: Version?
        /// Of an install: the package's path.
        public var package: String?
        /// Since when (RFC 3339, UTC); nil, and left out, where that is not known.
        public var since: String?
        /// The command that takes it back.
        public var takenBackBy: String

        /// A wish that is in force.
        public init(
            app: AppName, wish: Kind, version: Version? = nil, package: String? = nil, since: String? = nil,
            takenBackBy: String
        ) {
            self.app = app
            self.wish = Word(wish)
            self.version = version
            self.package = package
            self.since = since
            self.takenBackBy = takenBackBy
        }
    }

    /// By app, in the order of their names.
    public var wishes: [Wish]

    /// Wishes that are in force.
    public init(wishes: [Wish]) { self.wishes = wishes }

    /// The document.
    public var json: JSONValue { .object([WireSchema.member, ("wishes", wishes.json)]) }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        try members.requireSchema()
        wishes = try members.read("wishes")
    }
}

extension WishesDocument.Wish {
    /// One element of `wishes`.
    public var json: JSONValue {
        var members = [("app", app.json), ("wish", wish.json)]
        members.add("version", version)
        members.add("package", package)
        members.add("since", since)
        members.append(("taken_back_by", takenBackBy.json))
        return .object(members)
    }

    /// Reads one element of `wishes`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        app = try members.read("app")
        wish = try members.read("wish")
        version = try members.readIfAny("version")
        package = try members.readIfAny("package")
        since = try members.readIfAny("since")
        takenBackBy = try members.read("taken_back_by")
    }
}
