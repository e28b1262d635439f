internal import Documents
public import GatewayModel

/// `GET /v1/status`: desired against observed state.
public struct StatusRequest: ControlRequest {
    /// The document of `gwe status --json` and what that command ends with.
    public typealias Answer = StatusAnswer
    /// `GET /v1/status`.
    public static var call: ControlCall { .status }

    /// Only this app, with its details; nil: the whole gateway.
    public var app: AppName?
    /// Whether every installed file is hashed again.
    public var isDeep: Bool

    /// A status of the gateway or of one app.
    public init(app: AppName? = nil, isDeep: Bool = false) {
        self.app = app
        self.isDeep = isDeep
    }

    /// The query `app=NAME` and `deep=1`, each only where it is asked for.
    public var message: ControlMessage {
        var query: [String: String] = [:]
        query["app"] = app?.text
        if isDeep { query["deep"] = "1" }
        return ControlMessage(query: query)
    }

    /// Reads the query; any other `deep` than `1` is none.
    /// - Throws: a bad request where `app` is no app's name.
    public init(_ message: ControlMessage) throws(ControlRefusal) {
        if let name = message.query["app"] { app = try AppName.requested(name) }
        isDeep = message.query["deep"] == "1"
    }
}

/// `GET /v1/services`: what is supervised.
public struct ServicesRequest: ControlRequest {
    /// What is supervised, by app.
    public typealias Answer = ServicesDocument
    /// `GET /v1/services`.
    public static var call: ControlCall { .services }

    /// Everything that is supervised.
    public init() {}

    /// Nothing but the path.
    public var message: ControlMessage { ControlMessage() }

    /// Every message for this call is one request; it never throws.
    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `GET /v1/reports`: the four reports as they would be sent.
public struct ReportsRequest: ControlRequest {
    /// The four reports, by resource.
    public typealias Answer = GatewayReports
    /// `GET /v1/reports`.
    public static var call: ControlCall { .reports }

    /// All four.
    public init() {}

    /// Nothing but the path.
    public var message: ControlMessage { ControlMessage() }

    /// Every message for this call is one request; it never throws.
    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/reports`: sends the four reports now.
public struct SendReportsRequest: ControlRequest {
    /// What `gwe report` ends with, such as 75 while a pass runs and 69 where the cloud cannot be reached.
    public typealias Answer = OutcomeAnswer
    /// `POST /v1/reports`.
    public static var call: ControlCall { .sendReports }

    /// All four.
    public init() {}

    /// An empty object as the body.
    public var message: ControlMessage { ControlMessage(body: .object([])) }

    /// Takes no notice of the body; it never throws.
    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/token`: a token was set, or is worth another try.
public struct TokenRequest: ControlRequest {
    /// What the daemon does about it, in words.
    public typealias Answer = MessageAnswer
    /// `POST /v1/token`.
    public static var call: ControlCall { .setToken }

    /// The cloud is to be asked at once.
    public init() {}

    /// An empty object as the body; the token itself never goes over the socket.
    public var message: ControlMessage { ControlMessage(body: .object([])) }

    /// Takes no notice of the body; it never throws.
    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/reexec`: the program at gwe's own path takes the daemon's place.
public struct ReplaceRequest: ControlRequest {
    /// Which version takes over, in words. A new program that comes at once may come before the answer.
    public typealias Answer = MessageAnswer
    /// `POST /v1/reexec`.
    public static var call: ControlCall { .replace }

    /// A new program is to take over.
    public init() {}

    /// An empty object as the body.
    public var message: ControlMessage { ControlMessage(body: .object([])) }

    /// Takes no notice of the body; it never throws.
    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/apps/{app}/{verb}`: one app, one verb.
public struct ActionRequest: ControlRequest {
    /// What was done, and the state of the app's service.
    public typealias Answer = ActionAnswer
    /// `POST /v1/apps/{app}/{verb}`.
    public static var call: ControlCall { .act }

    /// The app.
    public var app: AppName
    /// What is to be done with it.
    public var verb: AppVerb

    /// A verb for an app.
    public init(_ verb: AppVerb, _ app: AppName) {
        self.app = app
        self.verb = verb
    }

    /// App and verb as words of the path, and an empty object as the body.
    public var message: ControlMessage { ControlMessage(words: [app.text, verb.rawValue], body: .object([])) }

    /// Reads the two words of the path.
    /// - Throws: a bad request where the first is no app's name, not found where the second is no verb.
    public init(_ message: ControlMessage) throws(ControlRefusal) {
        app = try AppName.requested(message.words[0])
        guard let verb = AppVerb(rawValue: message.words[1]) else {
            throw ControlRefusal(.notFound, "no such action: \(message.words[1])")
        }
        self.verb = verb
    }
}

extension AppName {
    fileprivate static func requested(_ text: String) throws(ControlRefusal) -> AppName {
        guard let name = AppName(text) else { throw ControlRefusal(.badRequest, "\(text) is no app name") }
        return name
    }
}
