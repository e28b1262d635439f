/// Cuts the body of a 200 into lines as it arrives; keeps the body of any other answer.
final class HTTPTransferLines: HTTPTransferReceiver {
    private(set) var head = HTTPResponseHead(status: 0, headers: [])
    private(set) var body: [UInt8] = []
    private var pending: [UInt8] = []
    private let byteLimit: Int64
    private let lineLimit: Int
    private let action: String
    private let line: (ArraySlice<UInt8>) -> Void

    init(_ request: HTTPRequest, lineLimit: Int, action: String, line: @escaping (ArraySlice<UInt8>) -> Void) {
        byteLimit = request.maximumBodyByteCount
        self.lineLimit = lineLimit
        self.action = action
        self.line = line
    }

    func begin(_ head: HTTPResponseHead) throws(TransferError) { self.head = head }

    func receive(_ bytes: UnsafeRawBufferPointer) throws(TransferError) {
        guard head.status == 200 else {
            guard body.count + bytes.count <= byteLimit else {
                throw TransferError(.tooLarge, action, "the answer is too long")
            }
            return body.append(contentsOf: bytes)
        }
        pending.append(contentsOf: bytes)
        while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
            line(pending[..<end])
            pending.removeFirst(end + 1)
        }
        guard pending.count <= lineLimit else {
            throw TransferError(.tooLarge, action, "a line is longer than \(lineLimit) bytes")
        }
    }

    func tick() throws(TransferError) {}

    /// The last line, if it had no newline.
    func end() {
        if !pending.isEmpty { line(pending[...]) }
        pending = []
    }
}
