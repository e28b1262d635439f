internal import GatewaySystem
internal import Synchronization

/// Connections to be lost in the middle of a download, for tests.
final class DownloadCuts: Sendable {
    private let byteCounts = Mutex<[Int64]>([])

    func add(_ more: [Int64]) { byteCounts.withLock { $0 += more } }

    /// Takes the next cut for an answer that carries a content's bytes.
    func apply(to response: inout HTTPServerResponse, of request: HTTPServerRequest) {
        guard request.path == "/provision/download", response.status == 200 || response.status == 206,
            case .file = response.body
        else { return }
        response.cutAfterByteCount = byteCounts.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }
}
