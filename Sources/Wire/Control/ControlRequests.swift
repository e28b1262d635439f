internal import Documents
public import GatewayModel

/// `GET /v1/status`: desired against observed state.
public struct StatusRequest: ControlRequest {
    public typealias Answer = StatusAnswer
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

    public var message: ControlMessage {
        var query: [String: String] = [:]
        query["app"] = app?.text
        if isDeep { query["deep"] = "1" }
        return ControlMessage(query: query)
    }

    public init(_ message: ControlMessage) throws(ControlRefusal) {
        if let name = message.query["app"] { app = try AppName.requested(name) }
        isDeep = message.query["deep"] == "1"
    }
}

/// `GET /v1/services`: what is supervised.
public struct ServicesRequest: ControlRequest {
    public typealias Answer = ServicesDocument
    public static var call: ControlCall { .services }

    /// Everything that is supervised.
    public init() {}

    public var message: ControlMessage { ControlMessage() }

    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `GET /v1/reports`: the four reports as they would be sent.
public struct ReportsRequest: ControlRequest {
    public typealias Answer = GatewayReports
    public static var call: ControlCall { .reports }

    /// All four.
    public init() {}

    public var message: ControlMessage { ControlMessage() }

    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/reports`: sends the four reports now.
public struct SendReportsRequest: ControlRequest {
    public typealias Answer = OutcomeAnswer
    public static var call: ControlCall { .sendReports }

    /// All four.
    public init() {}

    public var message: ControlMessage { ControlMessage(body: .object([])) }

    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/token`: a token was set, or is worth another try.
public struct TokenRequest: ControlRequest {
    public typealias Answer = MessageAnswer
    public static var call: ControlCall { .setToken }

    /// The cloud is to be asked at once.
    public init() {}

    public var message: ControlMessage { ControlMessage(body: .object([])) }

    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/reexec`: the program at gwe's own path takes the daemon's place.
public struct ReplaceRequest: ControlRequest {
    public typealias Answer = MessageAnswer
    public static var call: ControlCall { .replace }

    /// A new program is to take over.
    public init() {}

    public var message: ControlMessage { ControlMessage(body: .object([])) }

    public init(_ message: ControlMessage) throws(ControlRefusal) {}
}

/// `POST /v1/apps/{app}/{verb}`: one app, one verb.
public struct ActionRequest: ControlRequest {
    public typealias Answer = ActionAnswer
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

    public var message: ControlMessage { ControlMessage(words: [app.text, verb.rawValue], body: .object([])) }

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
