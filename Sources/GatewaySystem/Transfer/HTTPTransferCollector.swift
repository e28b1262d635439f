/// Takes a body into memory, up to a limit.
final class HTTPTransferCollector: HTTPTransferReceiver {
    private let limit: Int64
    private let action: String
    var head = HTTPResponseHead(status: 0, headers: [])
    var body: [UInt8] = []

    init(limit: Int64, action: String) {
        self.limit = limit
        self.action = action
    }

    func begin(_ head: HTTPResponseHead) throws(TransferError) { self.head = head }

    func receive(_ bytes: UnsafeRawBufferPointer) throws(TransferError) {
        guard Int64(body.count + bytes.count) <= limit else {
            throw TransferError(.tooLarge, action, "the answer is longer than \(limit) bytes")
        }
        body.append(contentsOf: bytes)
    }

    func tick() throws(TransferError) {}
}
