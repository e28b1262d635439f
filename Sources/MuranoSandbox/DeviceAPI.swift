internal import GatewaySystem

/// Murano's device API over HTTPS, as public clients of 2016 to 2018 use it.
///
/// Each call answers by returning or by throwing a `Refusal`; nothing that a client sends ends the process.
struct DeviceAPI: Sendable {
    let product: String
    let store: SandboxStore
    let changes: ChangeSignal
    let times = ModificationTimes()

    /// Of a request's body. A value may have 1 MiB, and percent-escapes triple it.
    static let bodyByteLimit: Int64 = 8 << 20
    static let valueByteLimit = 1 << 20
    static let aliasByteLimit = 255

    /// An answer that is not a success.
    struct Refusal: Error {
        var status: Int
        var text = ""
        var headers: [(name: String, value: String)] = []
    }

    /// Answers one request. `device` is set once the token has been recognised.
    func answer(_ request: HTTPServerRequest, device: inout String?) throws -> HTTPServerResponse {
        // Clients escape the colon of "onep:v1" or not.
        let path = String(decoding: Form.unescape(request.path.utf8, plusIsSpace: false), as: UTF8.self)
        let recordAlias = DeviceAPI.suffix(of: path, after: "/onep:v1/stack/alias/")
        switch path {
        case "/timestamp":
            try allow(["GET", "HEAD"], request)
            return HTTPServerResponse(status: 200, text: "\(store.now() / 1_000_000)")
        case "/ip":
            try allow(["GET", "HEAD"], request)
            let octets = request.peer.ipv4Octets ?? [UInt8](repeating: 0, count: 6)
            return HTTPServerResponse(status: 200, text: octets.map { String($0) }.joined(separator: ","))
        case "/provision/activate":
            try allow(["POST"], request)
            return try activate(request, device: &device)
        case "/provision/download":
            try allow(["GET", "HEAD"], request)
            device = try authenticate(request)
            return try content(request)
        case "/onep:v1/stack/alias":
            try allow(["GET", "HEAD", "POST"], request)
            let id = try authenticate(request)
            device = id
            return request.method == "POST" ? try write(request, device: id) : try read(request, device: id)
        case "/onep:v1/stack/record":
            try allow(["POST"], request)
            let id = try authenticate(request)
            device = id
            return try record(request, device: id)
        case _ where recordAlias != nil:
            try allow(["POST"], request)
            let id = try authenticate(request)
            device = id
            return try record(request, device: id, alias: recordAlias)
        default: throw Refusal(status: 404, text: "no such path\n")
        }
    }

    private static func suffix(of path: String, after prefix: String) -> String? {
        path.hasPrefix(prefix) && path != prefix ? String(path.dropFirst(prefix.count)) : nil
    }

    private func allow(_ methods: [String], _ request: HTTPServerRequest) throws {
        guard methods.contains(request.method) else {
            throw Refusal(status: 405, headers: [("Allow", methods.joined(separator: ", "))])
        }
    }

    /// The device that the token belongs to: `X-Exosite-CIK: TOKEN`, or `Authorization: token TOKEN`. Without either
    /// header, the one that the client's certificate names.
    private func authenticate(_ request: HTTPServerRequest) throws -> String {
        guard let device = try device(of: request) else { throw Refusal(status: 401) }
        return device
    }

    /// nil without a token or a certificate, or with one that no device has.
    func device(of request: HTTPServerRequest) throws -> String? {
        var token = request.header("X-Exosite-CIK")
        if token == nil, let words = request.header("Authorization")?.split(separator: " "), words.count == 2,
            words[0].lowercased() == "token"
        {
            token = String(words[1])
        }
        guard let token else { return try request.clientName.flatMap { try store.hasDevice($0) ? $0 : nil } }
        return try store.device(token: token)
    }

    /// POST /provision/activate with `vendor=<pid>&model=<pid>&sn=<id>` or `id=<id>`.
    private func activate(_ request: HTTPServerRequest, device: inout String?) throws -> HTTPServerResponse {
        let form = Form.decode(request.body)
        func field(_ name: String) -> String? {
            form.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
        }
        guard let id = field("id") ?? field("sn"), !id.isEmpty else {
            throw Refusal(status: 400, text: "expected vendor, model and sn, or id\n")
        }
        for name in ["vendor", "model"] {
            if let value = field(name), value != product { throw Refusal(status: 404) }
        }
        switch try store.activate(id) {
        case .unknown: throw Refusal(status: 404)
        case .conflict: throw Refusal(status: 409)
        case .token(let token):
            device = id
            return HTTPServerResponse(status: 200, text: token)
        }
    }
}
