public import Documents
public import GatewayModel

extension PassRequest: PassControlRequest {
    /// The lines of the pass, the last one of type `result`.
    public typealias Answer = PassLine
    /// `POST /v1/reconcile`.
    public static var call: ControlCall { .reconcile }

    /// The request's own document as the body.
    public var message: ControlMessage { ControlMessage(body: json) }

    /// Reads the body; an empty one asks for a usual pass.
    /// - Throws: a bad request where the body is no JSON or no request for a pass.
    public init(_ message: ControlMessage) throws(ControlRefusal) {
        guard let body = try message.document() else {
            self.init()
            return
        }
        do throws(WireError) { try self.init(json: body) } catch {
            throw ControlRefusal(.badRequest, error.description)
        }
    }
}

/// `POST /v1/install`: packages of this machine, as the operator's wish, and a pass of just those apps.
public struct InstallRequest: WireValue, PassControlRequest {
    /// The lines of the pass, the last one of type `result`.
    public typealias Answer = PassLine
    /// `POST /v1/install`.
    public static var call: ControlCall { .install }

    /// Absolute paths.
    public var tarballs: [String]
    /// Whether a package may replace a higher version.
    public var allowsDowngrade: Bool

    /// Packages to install.
    public init(tarballs: [String], allowsDowngrade: Bool = false) {
        self.tarballs = tarballs
        self.allowsDowngrade = allowsDowngrade
    }

    /// The body; `allow_downgrade` is there when it is true.
    public var json: JSONValue {
        .object([("tarballs", tarballs.json)] + (allowsDowngrade ? [("allow_downgrade", true)] : []))
    }

    /// Reads the body.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        tarballs = try members.read("tarballs")
        allowsDowngrade = try members.readIfAny("allow_downgrade") ?? false
    }

    /// The request's own document as the body.
    public var message: ControlMessage { ControlMessage(body: json) }

    /// Reads the body.
    /// - Throws: a bad request where it is not `{"tarballs": [PATH, ...]}`.
    public init(_ message: ControlMessage) throws(ControlRefusal) {
        guard let body = try? message.document(), let request = try? InstallRequest(json: body) else {
            throw ControlRefusal(.badRequest, "expected {\"tarballs\": [PATH, ...]}")
        }
        self = request
    }
}

/// `POST /v1/remove`: the operator's wish for an app is taken back, and a pass of just that app.
public struct RemoveRequest: WireValue, PassControlRequest {
    /// The lines of the pass, the last one of type `result`.
    public typealias Answer = PassLine
    /// `POST /v1/remove`.
    public static var call: ControlCall { .remove }

    /// The app.
    public var app: AppName
    /// Whether its data goes as well.
    public var isPurge: Bool

    /// An app to remove.
    public init(app: AppName, isPurge: Bool) {
        self.app = app
        self.isPurge = isPurge
    }

    /// The body.
    public var json: JSONValue { ["app": app.json, "purge": isPurge.json] }

    /// Reads the body; `purge` may be left out.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        app = try members.read("app")
        isPurge = try members.readIfAny("purge") ?? false
    }

    /// The request's own document as the body.
    public var message: ControlMessage { ControlMessage(body: json) }

    /// Reads the body; `purge` may be left out.
    /// - Throws: a bad request where it is not `{"app": NAME, "purge": true or false}`.
    public init(_ message: ControlMessage) throws(ControlRefusal) {
        guard let body = try? message.document(), let request = try? RemoveRequest(json: body) else {
            throw ControlRefusal(.badRequest, "expected {\"app\": NAME, \"purge\": true or false}")
        }
        self = request
    }
}
