internal import Documents
internal import GatewaySystem

/// The operator's side: JSON over HTTP under `/sandbox/v1/`, for the command line and the console page.
struct OperatorAPI: Sendable {
    let product: String
    let store: SandboxStore
    let changes: ChangeSignal
    let log: RequestLog
    let faults: Faults
    /// Where else the stand-in listens: `mqtt` and `mqtts` with their ports.
    let listeners: @Sendable () -> [(String, JSONValue)]

    static let prefix = "/sandbox/v1/"
    static let contentByteLimit: Int64 = 4 << 30

    /// The decoded parts of an operator's path; nil for other paths.
    static func parts(of request: HTTPServerRequest) -> [String]? {
        guard request.path.hasPrefix(prefix) else { return nil }
        return request.path.dropFirst(prefix.count).split(separator: "/").map {
            String(decoding: Form.unescape($0.utf8, plusIsSpace: false), as: UTF8.self)
        }
    }

    func answer(_ request: HTTPServerRequest, _ parts: [String]) throws -> HTTPServerResponse {
        let query = Form.decode(query: request.query)
        switch (request.method, parts.first ?? "", parts.count) {
        case ("GET", "product", 1): return json(.object([("product", .string(product))] + listeners()))
        case ("GET", "devices", 1):
            let contacts = try store.lastContacts()
            return json(
                .array(
                    try store.devices().map { device in
                        [
                            "id": .string(device.id), "state": .string(device.state),
                            "last_contact": contacts[device.id].map(JSONValue.int) ?? .null,
                        ]
                    }))
        case ("PUT", "devices", 2):
            let password = String(validating: request.body, as: UTF8.self) ?? ""
            try store.addDevice(parts[1], password: password.isEmpty ? nil : password)
            return HTTPServerResponse(status: 201)
        case ("DELETE", "devices", 2):
            try store.deleteDevice(parts[1])
            changes.notify()
            return HTTPServerResponse(status: 204)
        case ("POST", "devices", 3) where parts[2] == "enable":
            try store.enableDevice(parts[1])
            return HTTPServerResponse(status: 204)
        case ("GET", "devices", 3) where parts[2] == "resources":
            return json(OperatorAPI.document(try store.resources(parts[1], query.map(\.name))))
        case ("GET", "devices", 3) where parts[2] == "values":
            return json(.object(try store.values(parts[1], query.map(\.name))))
        case ("GET", "devices", 4) where parts[2] == "values":
            try store.requireDevice(parts[1])
            guard let reading = try store.exchange(parts[1], writes: [], reads: [parts[3]]).first else {
                return HTTPServerResponse(status: 204)
            }
            return HTTPServerResponse(status: 200, body: .bytes(reading.value))
        case ("PUT", "devices", 4) where parts[2] == "resources":
            try store.set(parts[1], parts[3], request.body)
            changes.notify()
            return HTTPServerResponse(status: 204)
        case ("GET", "devices", 4) where parts[2] == "records":
            return json(
                .array(
                    try store.records(parts[1], parts[3]).map {
                        ["timestamp": .int($0.timestamp), "value": .string($0.value)]
                    }))
        case ("GET", "content", 1): return json(.array(try store.contents().map(OperatorAPI.document)))
        case ("PUT", "content", 2):
            let content = try store.addContent(
                parts[1], type: request.header("Content-Type") ?? "application/octet-stream",
                meta: query.first { $0.name == "meta" }?.value.map { String(decoding: $0, as: UTF8.self) } ?? "",
                from: try bodyFile(request))
            return json(OperatorAPI.document(content), status: 201)
        case ("DELETE", "content", 2):
            try store.deleteContent(parts[1])
            return HTTPServerResponse(status: 204)
        case ("GET", "log", 1):
            let number = { (name: String) in
                query.last { $0.name == name }?.value.flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
            }
            let requests = try log.requests(after: number("after") ?? 0, limit: Int(clamping: number("limit") ?? 1000))
            return json(.array(requests.map(OperatorAPI.document)))
        case ("DELETE", "log", 1):
            try log.clear()
            return HTTPServerResponse(status: 204)
        case ("GET", "faults", 1): return json(faults.json)
        case ("POST", "faults", 1):
            guard let document = try? JSON.parse(request.body, source: "fault").json, let fault = Fault(document) else {
                return HTTPServerResponse(status: 400, text: "expected a fault\n")
            }
            guard let id = faults.add(fault) else {
                return HTTPServerResponse(status: 409, text: "too many faults: clear some\n")
            }
            return json(["id": .int(id)], status: 201)
        case ("DELETE", "faults", 1):
            faults.clear()
            return HTTPServerResponse(status: 204)
        case ("DELETE", "faults", 2):
            let wasThere = Int64(parts[1]).map { faults.clear($0) } ?? false
            return HTTPServerResponse(status: wasThere ? 204 : 404, text: wasThere ? "" : "no such fault\n")
        default: return HTTPServerResponse(status: 404, text: "no such path or method\n")
        }
    }

    /// The upload's file; an empty upload has none yet.
    private func bodyFile(_ request: HTTPServerRequest) throws -> String {
        if let path = request.bodyFile { return path }
        let path = store.spoolPath()
        try writeEmptyFile(path)
        return path
    }

    private func json(_ value: JSONValue, status: Int = 200) -> HTTPServerResponse {
        HTTPServerResponse(status: status, text: value.text(indented: true) + "\n", type: "application/json")
    }

    // MARK: Documents

    /// `{"<resource>": {"reported": …, "set": …, "timestamp": <µs>}}`; null for a resource that was never written.
    static func document(_ resources: [(name: String, state: SandboxResource?)]) -> JSONValue {
        .object(
            resources.map { name, state in
                guard let state else { return (name, .null) }
                return (
                    name,
                    [
                        "reported": state.reported.map(JSONValue.string) ?? .null,
                        "set": state.set.map(JSONValue.string) ?? .null, "timestamp": .int(state.timestamp),
                    ]
                )
            })
    }

    static func document(_ content: SandboxContent) -> JSONValue {
        [
            "name": .string(content.name), "type": .string(content.type), "size": .int(content.byteCount),
            "updated": .int(content.updated), "meta": .string(content.meta),
        ]
    }

    static func document(_ request: SandboxRequest) -> JSONValue {
        [
            "id": .int(request.id), "time": .int(request.time), "device": request.device.map(JSONValue.string) ?? .null,
            "method": .string(request.method), "path": .string(request.path), "status": .int(Int64(request.status)),
            "request_bytes": .int(request.requestByteCount), "sent_bytes": .int(request.sentByteCount),
            "range": request.range.map(JSONValue.string) ?? .null,
        ]
    }
}
