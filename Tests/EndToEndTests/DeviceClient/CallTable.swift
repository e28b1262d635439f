import DeviceClient
import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// Whoever makes a call of the table: the Swift library or the real `gdc`, as one device over one transport. Each has a
/// device of its own, so that the rows, in their order, find the same state.
final class CallTableCaller {
    let device: String
    let url: String
    private let gateway: GatewayFixture
    private let sandbox: SandboxServer
    private let caFile: String?
    private let gdc: String?
    private(set) var token: DeviceToken?
    private static let foreign = DeviceToken(String(repeating: "f", count: DeviceToken.length))

    /// - Parameter gdc: the program; nil for the library.
    init(_ device: String, _ gateway: GatewayFixture, _ sandbox: SandboxServer, caFile: String?, gdc: String?) throws {
        self.device = device
        self.gateway = gateway
        self.sandbox = sandbox
        self.caFile = caFile
        self.gdc = gdc
        url = sandbox.url
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try sandbox.addDevice(device)
    }

    var folder: String { gateway.root + "/" + device }

    /// Makes the call of a row and returns the status that the caller was told.
    func status(of row: CallTableRow) throws -> Int {
        if row.as == .own, token == nil { token = try sandbox.token(of: device).flatMap { DeviceToken($0) } }
        if let fault = row.fault { sandbox.addFault(Fault(fault, on: row.faultCalls, times: 1)) }
        defer { sandbox.clearFaults() }
        return gdc == nil ? try askLibrary(row) : try askCommand(row)
    }

    // MARK: the library

    private func client(_ row: CallTableRow) throws -> DeviceClient {
        var configuration = DeviceClient.Configuration(
            product: GatewayFixture.product, cloudURL: url, identity: row.as == .unknown ? "nobody-\(device)" : device)
        configuration.transfer.caFile = caFile
        configuration.token = row.as == .foreign ? Self.foreign : token
        configuration.mayActivate = row.call == .activate
        configuration.timeout = .seconds(30)
        return try DeviceClient(
            configuration: configuration, tokens: row.call == .activate ? TokenStore(path: folder + "/token") : .none)
    }

    private func askLibrary(_ row: CallTableRow) throws -> Int {
        let client = try client(row)
        do {
            switch row.call {
            case .timestamp: return try client.timestamp() > 0 ? 200 : 0
            case .activate: return try client.activate().secret == sandboxToken ? 200 : 0
            case .read(let aliases): return try client.read(aliases).isEmpty ? 204 : 200
            case .write(let alias, let value):
                try client.write([(alias, value)])
                return 204
            case .writeAndRead(let alias, let value, let read):
                return try client.writeAndRead([(alias, value)], reading: [read]).isEmpty ? 204 : 200
            case .poll(let alias, let since):
                let outcome = try client.longPoll(alias, timeout: .milliseconds(50), since: since)
                if case .unchanged = outcome { return 304 }
                return 200
            case .record(let time, let value):
                let outcome = try client.record([RecordPoint(alias: "r", timestamp: time, value: value)])
                if case .conflicts = outcome { return 409 }
                return 204
            case .contentList: return try client.contentList().isEmpty ? 204 : 200
            case .contentInfo(let name): return try client.contentInfo(name).byteCount > 0 ? 200 : 0
            case .download(let name):
                _ = try client.download(name, into: folder + "/" + name, configure: { $0.retry.base = .zero })
                return try lastDownload(name)
            }
        } catch let error as DeviceClientError {
            return error.status ?? 0
        }
    }

    /// The status with which the download came to its end; 0 when the file is not what was put up. Removes the file.
    private func lastDownload(_ name: String) throws -> Int {
        let path = folder + "/" + name
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        try Downloader.discard(path)
        let requests = try sandbox.requestLog().filter { $0.path.contains("&id=") && !$0.path.contains("info=true") }
        return bytes == CallTableRow.content ? requests.last?.status ?? 0 : 0
    }

    private var sandboxToken: String? { try? sandbox.token(of: device) ?? nil }

    // MARK: gdc

    private func askCommand(_ row: CallTableRow) throws -> Int {
        var options = ["-H", url, "-u", row.as == .unknown ? "nobody-\(device)" : device]
        if let caFile { options += ["-E", caFile] }
        var variables = gateway.variables
        variables["GDC_TOKEN"] = row.as == .foreign ? Self.foreign?.secret : token?.secret
        if row.call == .activate { variables["GDC_TOKEN"] = nil }
        let words: [String]
        switch row.call {
        case .timestamp: words = ["timestamp"]
        case .activate: words = ["activate"]
        case .read(let aliases): words = ["read"] + aliases
        case .write(let alias, let value): words = ["write", alias, value]
        case .writeAndRead: throw CallTableError.notACommand
        case .poll(let alias, let since): words = ["poll", alias, "50"] + (since.map { [$0] } ?? [])
        case .record(let time, let value): words = ["record", "\(time)", "r", value]
        case .contentList: words = ["content", "list"]
        case .contentInfo(let name): words = ["content", "info", name]
        case .download(let name): words = ["content", "download", name]
        }
        let program = try #require(gdc)
        // In its own folder: a download goes to the working one.
        let ran = try TestProcess(
            "/bin/sh", ["-c", "cd \"$0\" && exec \"$@\"", folder, program] + options + ["http"] + words,
            environment: variables, scratch: gateway.root + "/scratch"
        ).wait()
        if ran.out.hasPrefix("["), let status = Int(ran.out.dropFirst().prefix { $0 != "]" }) {
            guard case .download(let name) = row.call, status == 200 else { return status }
            return try lastDownload(name)
        }
        // These print what was asked for, without the status.
        switch row.call {
        case .activate where ran.code == 0: return ran.out == (sandboxToken ?? "none") + "\n" ? 200 : 0
        case .timestamp where ran.code == 0: return Int64(ran.out.dropLast()) != nil ? 200 : 0
        case .contentList where ran.code == 0: return ran.out == CallTableRow.contentName + "\n" ? 200 : 0
        default:
            Issue.record("\(ran)")
            return 0
        }
    }
}

enum CallTableError: Error { case notACommand }

/// One row: a call, as whom, what the cloud does to it, and the status that the documents give.
struct CallTableRow: Sendable, CustomStringConvertible {
    enum Call: Sendable, Equatable {
        case timestamp, activate, contentList
        case read([String])
        case write(String, String)
        case writeAndRead(String, String, String)
        case poll(String, since: String?)
        case record(Int64, String)
        case contentInfo(String)
        case download(String)

        var name: String {
            switch self {
            case .timestamp: "timestamp"
            case .activate: "activate"
            case .contentList: "list content"
            case .read: "read"
            case .write: "write"
            case .writeAndRead: "write and read"
            case .poll: "long poll"
            case .record: "record"
            case .contentInfo: "content info"
            case .download: "get content"
            }
        }
    }

    enum Whom: Sendable { case own, foreign, unknown }

    static let contentName = "app.v1.tar.gz"
    static let content = [UInt8]((0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 3) })

    var call: Call
    var `as` = Whom.own
    var fault: Fault.Kind?
    var faultCalls: Set<Fault.Call> = []
    var status: Int

    var description: String { call.name.padding(toLength: 15, withPad: " ", startingAt: 0) + "\(status)" }

    private static func refused(_ status: Int) -> Fault.Kind { .answer(status: status, retryAfter: nil) }

    /// Every call of docs/cloud.md#calls with each status that it names, and with 429 and
    /// 503, which any server may answer.
    static let all: [CallTableRow] = [
        .init(call: .timestamp, status: 200),
        .init(call: .activate, as: .unknown, status: 404),
        .init(call: .activate, fault: refused(403), status: 403),
        .init(call: .activate, status: 200),
        .init(call: .activate, status: 409),
        .init(call: .read(["a"]), status: 204),
        .init(call: .write("a", "x y&=%+ü"), status: 204),
        .init(call: .write("a", "1"), as: .foreign, status: 401),
        .init(call: .write("a", "1"), fault: refused(400), status: 400),
        .init(call: .write("a", "1"), fault: refused(415), status: 415),
        .init(call: .write("a", "1"), fault: refused(503), status: 503),
        .init(call: .write("a", "1"), fault: .answer(status: 429, retryAfter: 7), status: 429),
        .init(call: .read(["a", "none"]), status: 200),
        .init(call: .read(["a"]), as: .foreign, status: 401),
        .init(call: .writeAndRead("b", "2", "a"), status: 200),
        .init(call: .writeAndRead("b", "3", "none"), status: 204),
        .init(call: .writeAndRead("b", "4", "a"), as: .foreign, status: 401),
        .init(call: .poll("a", since: nil), status: 304),
        .init(call: .poll("a", since: "1"), status: 200),
        .init(call: .poll("a", since: nil), as: .foreign, status: 401),
        .init(call: .record(1000, "5"), status: 204),
        .init(call: .record(1000, "6"), status: 409),
        .init(call: .record(2000, "5"), as: .foreign, status: 401),
        .init(call: .contentList, status: 200),
        .init(call: .contentList, fault: refused(403), status: 403),
        .init(call: .contentList, as: .foreign, status: 401),
        .init(call: .contentInfo(contentName), status: 200),
        .init(call: .contentInfo("none"), status: 400),
        .init(call: .contentInfo(contentName), as: .foreign, status: 401),
        .init(call: .download(contentName), status: 200),
        .init(call: .download(contentName), fault: .cut(afterByteCount: 30_000), faultCalls: [.download], status: 206),
        .init(call: .download(contentName), fault: refused(403), faultCalls: [.download], status: 403),
        .init(call: .download("none"), status: 400),
    ]
}
