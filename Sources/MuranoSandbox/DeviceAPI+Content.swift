internal import GatewaySystem

extension DeviceAPI {
    /// GET /provision/download: the list, with `id` one content, with `info=true` the line about it.
    func content(_ request: HTTPServerRequest) throws -> HTTPServerResponse {
        let form = Form.decode(query: request.query)
        func field(_ name: String) -> String? {
            form.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
        }
        for name in ["vendor", "model"] {
            if let value = field(name), value != product { throw Refusal(status: 403) }
        }
        guard let id = field("id") else {
            let lines = try store.contents().map { $0.name + "\r\n" }.joined()
            return HTTPServerResponse(status: 200, text: lines, type: "text/csv; charset=utf-8")
        }
        let isInfo = field("info") == "true"
        guard let content = try store.content(id) else { throw Refusal(status: isInfo ? 400 : 403) }
        guard isInfo else { return download(content, request) }
        let line = "\(content.type),\(content.byteCount),\(content.updated),\(content.meta)"
        return HTTPServerResponse(status: 200, text: line, type: "text/csv; charset=utf-8")
    }

    /// The bytes, or one range of them (RFC 9110, section 14).
    private func download(_ content: SandboxContent, _ request: HTTPServerRequest) -> HTTPServerResponse {
        let size = content.byteCount
        let tag = "\"\(content.file.prefix { $0 != "." })\""
        let date = HTTPDate.text(unixSeconds: content.updated)
        var headers: [(name: String, value: String)] = [
            ("Content-Type", content.type), ("Accept-Ranges", "bytes"), ("ETag", tag), ("Last-Modified", date),
        ]
        var range = request.header("Range").flatMap { ByteRange($0, size: size) } ?? .whole
        if let condition = request.header("If-Range"), condition != tag, condition != date { range = .whole }
        switch range {
        case .whole:
            return HTTPServerResponse(
                status: 200, headers: headers,
                body: .file(path: store.path(of: content), offset: 0, byteCount: size))
        case .part(let first, let last):
            headers.append(("Content-Range", "bytes \(first)-\(last)/\(size)"))
            return HTTPServerResponse(
                status: 206, headers: headers,
                body: .file(path: store.path(of: content), offset: first, byteCount: last - first + 1))
        case .unsatisfiable:
            headers.append(("Content-Range", "bytes */\(size)"))
            return HTTPServerResponse(status: 416, headers: headers)
        }
    }
}

/// What a `Range` header asks for. Both ends count from 0 and belong to it.
enum ByteRange: Equatable {
    case whole
    case part(Int64, Int64)
    case unsatisfiable

    /// `bytes=X-Y`, `bytes=X-` or `bytes=-Y`, the last Y bytes. Anything else, several ranges too, is ignored, as RFC
    /// 9110 allows: nil.
    init?(_ header: String, size: Int64) {
        let text = header.filter { $0 != " " }
        guard text.lowercased().hasPrefix("bytes=") else { return nil }
        let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }) else { return nil }
        let (first, last) = (Int64(ends[0]), Int64(ends[1]))
        switch (first, last) {
        case (nil, nil): return nil
        case (nil, let count?):
            guard ends[0].isEmpty else { return nil }
            self = count > 0 && size > 0 ? .part(max(0, size - count), size - 1) : .unsatisfiable
        case (let first?, let last):
            guard last != nil || ends[1].isEmpty, first <= last ?? .max else { return nil }
            self = first < size ? .part(first, min(last ?? size - 1, size - 1)) : .unsatisfiable
        }
    }
}
