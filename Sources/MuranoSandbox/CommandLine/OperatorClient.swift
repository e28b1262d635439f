internal import ArgumentParser
internal import Documents
internal import GatewaySystem
internal import Glibc

/// Where the server is, for all commands but `serve`.
struct ServerOptions: ParsableArguments {
    @Option(
        help: .init(
            "The server (MURANO_SANDBOX_URL, else http://127.0.0.1:8085).", valueName: "url"))
    var url: String?

    @Option(help: .init("CA certificate of an https server, PEM.", valueName: "file"))
    var caFile: String?

    var client: OperatorClient {
        let variable = getenv("MURANO_SANDBOX_URL").map { String(cString: $0) }
        var url = [url, variable].compactMap { $0 }.first { !$0.isEmpty } ?? "http://127.0.0.1:8085"
        while url.hasSuffix("/") { url.removeLast() }
        return OperatorClient(url: url, caFile: caFile)
    }
}

/// The operator's side, from the other end.
struct OperatorClient {
    let url: String
    let caFile: String?

    /// One call. The parts of the path are escaped here. An answer of 400 and beyond becomes a `CommandFailure`.
    @discardableResult
    func call(
        _ method: HTTPRequest.Method, _ parts: [String], query: String = "", body: [UInt8]? = nil, type: String? = nil
    ) throws -> HTTPResponse {
        let path = parts.map { Form.escape($0.utf8) }.joined(separator: "/")
        var request = HTTPRequest(
            method, url + OperatorAPI.prefix + path + (query.isEmpty ? "" : "?" + query),
            headers: type.map { [HTTPHeader("Content-Type", $0)] } ?? [], body: body)
        request.maximumBodyByteCount = 256 << 20
        request.timeout = .seconds(600)
        let response: HTTPResponse
        do {
            var configuration = TransferConfiguration()
            configuration.caFile = caFile
            configuration.allowsPlainHTTP = true
            response = try HTTPTransfer(configuration).perform(request)
        } catch {
            throw CommandFailure(code: CommandFailure.unavailable, message: "\(error)")
        }
        guard response.status >= 300 else { return response }
        let reason = response.text.split(separator: "\n").first.map(String.init) ?? "status \(response.status)"
        let code =
            switch response.status {
            case 404: CommandFailure.notFound
            case 409: CommandFailure.cannotCreate
            case 400..<500: CommandFailure.data
            default: CommandFailure.software
            }
        throw CommandFailure(code: code, message: reason)
    }

    /// Prints an answer as it came.
    func printDocument(_ parts: [String], query: String = "") throws {
        writeAll(1, try call(.get, parts, query: query).body)
    }

    /// One call whose answer is a JSON document.
    func document(_ parts: [String], query: String = "") throws -> JSONValue {
        let limits = DocumentLimits(byteCount: 256 << 20, depth: 8, nodeCount: 10_000_000)
        let bytes = try call(.get, parts, query: query).body
        do {
            return try JSON.parse(bytes, source: url, limits: limits).json
        } catch {
            throw CommandFailure(code: CommandFailure.software, message: "\(error)")
        }
    }
}

/// Columns two spaces apart; the last one is not filled.
func printTable(_ rows: [[String]]) {
    var widths: [Int] = []
    for row in rows {
        for (index, cell) in row.enumerated() {
            if index == widths.count { widths.append(0) }
            widths[index] = max(widths[index], cell.count)
        }
    }
    for row in rows {
        let cells = row.enumerated().map { index, cell in
            index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
        }
        output(cells.joined(separator: "  "))
    }
}
