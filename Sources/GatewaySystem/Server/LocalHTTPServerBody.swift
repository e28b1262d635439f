internal import CMicroHTTP
internal import Glibc

/// The body of an answer on its way into the socket. Used from one connection's thread only.
final class HTTPResponseBody {
    private let source: HTTPServerResponse.Body
    private let cut: Int64?
    private let rate: Int64?
    private let peer: HTTPServerPeer?
    private let file: Int32
    /// What of a stream's piece did not fit into libmicrohttpd's buffer.
    private var rest: ArraySlice<UInt8> = []
    /// How many bytes libmicrohttpd had sent when it asked for more.
    private var confirmedByteCount: Int64 = 0
    private var handedByteCount: Int64 = 0

    private static let endOfStream = -1
    private static let endWithError = -2

    /// nil if the file cannot be opened.
    init?(_ response: HTTPServerResponse, peer: HTTPServerPeer?) {
        self.peer = peer
        source = response.body
        cut = response.cutAfterByteCount
        rate = response.bytesPerSecond
        if case .file(let path, _, _) = response.body {
            file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return nil }
        } else {
            file = -1
        }
    }

    deinit { if file >= 0 { close(file) } }

    /// How many bytes of the body went into the socket. If the connection broke, the last block does not count.
    func sentByteCount(isWhole: Bool) -> Int64 {
        if isWhole, case .bytes(let bytes) = source { return Int64(bytes.count) }
        return isWhole ? handedByteCount : confirmedByteCount
    }

    /// libmicrohttpd's response object, which keeps this body alive.
    func makeResponse() -> OpaquePointer? {
        let byteCount: UInt64
        switch source {
        case .bytes(let bytes):
            if cut == nil, rate == nil {
                return bytes.withUnsafeBytes {
                    MHD_create_response_from_buffer(
                        $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress),
                        MHD_ResponseMemoryMode.RESPMEM_MUST_COPY)
                }
            }
            byteCount = UInt64(bytes.count)
        case .file(_, _, let count): byteCount = UInt64(max(0, count))
        case .stream: byteCount = .max  // MHD_SIZE_UNKNOWN
        }
        let retained = Unmanaged.passRetained(self)
        let response = MHD_create_response_from_callback(
            byteCount, 256 << 10,
            { body, position, buffer, limit in
                guard let body, let buffer else { return HTTPResponseBody.endWithError }
                return Unmanaged<HTTPResponseBody>.fromOpaque(body).takeUnretainedValue()
                    .fill(UnsafeMutableRawBufferPointer(start: buffer, count: limit), at: Int64(clamping: position))
            }, retained.toOpaque(),
            { body in
                if let body { Unmanaged<HTTPResponseBody>.fromOpaque(body).release() }
            })
        if response == nil { retained.release() }
        return response
    }

    private func fill(_ buffer: UnsafeMutableRawBufferPointer, at position: Int64) -> Int {
        confirmedByteCount = position
        var room = buffer.count
        if let cut {
            guard position < cut else { return HTTPResponseBody.endWithError }
            room = min(room, Int(clamping: cut - position))
        }
        if let rate, rate > 0 {
            // A tenth of a second's bytes at a time.
            if position > 0 { usleep(100_000) }
            room = min(room, max(1, Int(clamping: rate / 10)))
        }
        let count: Int
        switch source {
        case .bytes(let bytes):
            let piece = bytes.dropFirst(Int(clamping: position)).prefix(room)
            buffer.copyBytes(from: piece)
            count = piece.count
        case .file(_, let offset, let total):
            let wanted = min(room, Int(clamping: total - position))
            var got = -1
            repeat {
                got = pread(file, buffer.baseAddress, wanted, off_t(offset + position))
            } while got < 0 && errno == EINTR
            // A file that became shorter must not look like a whole answer.
            count = got > 0 ? got : HTTPResponseBody.endWithError
        case .stream(let next): count = fill(buffer.prefix(room), from: next)
        }
        if count > 0 { handedByteCount = position + Int64(count) }
        return count
    }

    private func fill(_ buffer: Slice<UnsafeMutableRawBufferPointer>, from next: () -> [UInt8]?) -> Int {
        while rest.isEmpty {
            guard let piece = next() else { return HTTPResponseBody.endOfStream }
            rest = piece[...]
            if piece.isEmpty, peer?.isGone ?? true { return HTTPResponseBody.endWithError }
        }
        let piece = rest.prefix(buffer.count)
        UnsafeMutableRawBufferPointer(rebasing: buffer).copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
    }
}
