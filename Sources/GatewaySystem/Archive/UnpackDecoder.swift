internal import CArchive
internal import Glibc

/// Decompresses one stream. All checksums are checked; several streams in a row count as one (RFC 1952, 2.2;
/// RFC 8878, 3.1; the .xz file format, 2), anything else after a stream is an error.
final class StreamDecoder {
    private enum Codec {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
        case xz(UnsafeMutablePointer<lzma_stream>)
    }

    private let codec: Codec
    /// Whether everything so far forms whole streams.
    private(set) var isAtBoundary = false
    private var isAtEnd = false

    /// LZMA_CONCATENATED, a cast that Swift does not import.
    private static let concatenated: UInt32 = 0x08

    /// How many bytes `init` wants to see.
    static let magicByteCount = 6

    init(magic: some Collection<UInt8>, memoryLimit: Int64) throws(UnpackError) {
        if magic.starts(with: [0x1F, 0x8B]) {
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            codec = .gzip(stream)
            // 15: the largest window; 16: gzip only.
            guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                throw .system(SystemError("start decompressor", code: ENOMEM))
            }
        } else if magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
            guard let stream = ZSTD_createDStream() else {
                throw .system(SystemError("start decompressor", code: ENOMEM))
            }
            codec = .zstd(stream)
            let windowLog = max(10, min(31, Int64.bitWidth - 1 - max(1, memoryLimit).leadingZeroBitCount))
            ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Int32(windowLog))
        } else if magic.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
            let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
            stream.initialize(to: lzma_stream())
            codec = .xz(stream)
            guard lzma_stream_decoder(stream, UInt64(clamping: memoryLimit), Self.concatenated) == LZMA_OK
            else { throw .system(SystemError("start decompressor", code: ENOMEM)) }
        } else {
            throw .damaged(reason: "it is neither gzip, zstd nor xz")
        }
    }

    deinit {
        switch codec {
        case .gzip(let stream):
            inflateEnd(stream)
            stream.deallocate()
        case .zstd(let stream): ZSTD_freeDStream(stream)
        case .xz(let stream):
            lzma_end(stream)
            stream.deallocate()
        }
    }

    /// Decompresses as much as there is input and room. Neither consuming nor producing anything is no error.
    func decode(
        _ input: UnsafeRawBufferPointer, isLast: Bool, into output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        switch codec {
        case .gzip(let stream): try inflate(stream, input, output)
        case .zstd(let stream): try decompress(stream, input, output)
        case .xz(let stream): try decode(stream, input, isLast, output)
        }
    }

    private func inflate(
        _ stream: UnsafeMutablePointer<z_stream>, _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        if isAtBoundary {
            guard !input.isEmpty else { return (0, 0) }
            isAtBoundary = false
            inflateReset(stream)
        }
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(clamping: input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: output.count)
        switch CArchive.inflate(stream, Z_NO_FLUSH) {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isAtBoundary = true
        case Z_MEM_ERROR: throw .system(SystemError("decompress", code: ENOMEM))
        default:
            let words = stream.pointee.msg.map { String(cString: $0) } ?? "unknown error"
            throw .damaged(reason: "the gzip data is damaged (\(words))")
        }
        return (input.count - Int(stream.pointee.avail_in), output.count - Int(stream.pointee.avail_out))
    }

    private func decompress(
        _ stream: OpaquePointer, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        if isAtBoundary, input.isEmpty { return (0, 0) }
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let hint = ZSTD_decompressStream(stream, &target, &source)
        guard ZSTD_isError(hint) == 0 else {
            let words = ZSTD_getErrorName(hint).map { String(cString: $0) } ?? "unknown error"
            throw .damaged(reason: "the zstd data is damaged (\(words.lowercased()))")
        }
        isAtBoundary = hint == 0
        return (source.pos, target.pos)
    }

    private func decode(
        _ stream: UnsafeMutablePointer<lzma_stream>, _ input: UnsafeRawBufferPointer, _ isLast: Bool,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        guard !isAtEnd else { return (0, 0) }
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = input.count
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = output.count
        let code = lzma_code(stream, isLast ? LZMA_FINISH : LZMA_RUN)
        switch code {
        case LZMA_OK, LZMA_BUF_ERROR: break
        case LZMA_STREAM_END:
            isAtEnd = true
            isAtBoundary = true
        case LZMA_MEM_ERROR: throw .system(SystemError("decompress", code: ENOMEM))
        case LZMA_MEMLIMIT_ERROR: throw .tooLarge(reason: "its xz dictionary needs too much memory")
        default: throw .damaged(reason: "the xz data is damaged (error \(code.rawValue))")
        }
        return (input.count - stream.pointee.avail_in, output.count - stream.pointee.avail_out)
    }
}
