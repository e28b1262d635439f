internal import CArchive
internal import CInflate
internal import Glibc

/// Decompresses one package. All checksums are checked.
///
/// Several streams in a row count as one (RFC 1952, 2.2; RFC 8878, 3.1; the .xz file format, 2). Zeros after the last
/// one are passed over, as gzip(1) does: block devices and some tools for uploads pad with them. Anything else there
/// is an error.
final class StreamDecoder {
    private enum Codec {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
        case xz(UnsafeMutablePointer<lzma_stream>)
    }

    private let codec: Codec
    private let memoryLimit: Int64
    /// What decodes a gzip stream behind its header in zlib's place; nil where zlib does.
    private let inflater: OpaquePointer?
    /// Whether the header of a gzip stream is not yet over. zlib reads it, with all that may stand in it.
    private var isInHeader = true
    /// Whether everything so far forms whole streams.
    private(set) var isAtBoundary = false
    /// Whether every stream so far has a checksum of its content.
    private(set) var hasChecksum = true
    /// Bytes of the package so far, and where the current stream begins.
    private var position: Int64 = 0
    private var streamStart: Int64 = 0
    private var streamProducedCount: Int64 = 0
    /// Zeros since the end of the last stream.
    private var paddingCount: Int64 = 0
    /// The first bytes of a zstd frame, which say whether it has a checksum.
    private var frameHead: [UInt8] = []

    /// LZMA_TELL_NO_CHECK and LZMA_TELL_UNSUPPORTED_CHECK, casts that Swift does not import.
    private static let tellsMissingChecks: UInt32 = 0x03

    /// How many bytes `init` wants to see.
    static let magicByteCount = 6

    /// - Parameter isQuick: whether ISA-L may decode gzip, if it is there. What it refuses is for zlib to judge.
    init(magic: some Collection<UInt8>, memoryLimit: Int64, isQuick: Bool) throws(UnpackError) {
        self.memoryLimit = memoryLimit
        inflater = isQuick && magic.starts(with: [0x1F, 0x8B]) ? gwe_inflater_make() : nil
        if magic.starts(with: [0x1F, 0x8B]) {
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            codec = .gzip(stream)
            // 15: the largest window; 16: gzip only.
            guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                throw .system(SystemError("start decompressor", code: ENOMEM))
            }
        } else if Self.isFrame(magic) {
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
            try startXZ(stream)
        } else {
            throw .damaged(reason: "it is neither gzip, zstd nor xz")
        }
    }

    /// A frame of zstd, or one to be skipped, as pzstd(1) begins with (RFC 8878, 3.1.2).
    private static func isFrame(_ magic: some Collection<UInt8>) -> Bool {
        guard let first = magic.first else { return false }
        return magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
            || (first & 0xF0 == 0x50 && magic.dropFirst().starts(with: [0x2A, 0x4D, 0x18]))
    }

    /// Whether something else than zlib decodes gzip.
    var isQuick: Bool { inflater != nil }

    deinit {
        gwe_inflater_free(inflater)
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
        if isAtBoundary {
            let zeroCount = input.firstIndex { $0 != 0 } ?? input.count
            paddingCount += Int64(zeroCount)
            position += Int64(zeroCount)
            guard zeroCount == 0, let first = input.first else { return (zeroCount, 0) }
            try beginStream(first)
        }
        let result: (consumed: Int, produced: Int)
        do throws(UnpackError) {
            result =
                switch codec {
                case .gzip(let stream): try inflate(stream, input, output)
                case .zstd(let stream): try decompress(stream, input, output)
                case .xz(let stream): try decode(stream, input, isLast, output)
                }
        } catch {
            // What does not even begin as a stream does is no damaged stream, but something that was appended.
            guard case .damaged = error, streamStart > 0, streamProducedCount == 0 else { throw error }
            throw afterTheEnd(streamStart)
        }
        position += Int64(result.consumed)
        streamProducedCount += Int64(result.produced)
        return result
    }

    /// - Parameter first: the byte that follows the last stream and its padding.
    private func beginStream(_ first: UInt8) throws(UnpackError) {
        let isExpected: Bool
        switch codec {
        case .gzip(let stream):
            isExpected = first == 0x1F && paddingCount == 0
            inflateReset(stream)
            isInHeader = true
        case .zstd:
            isExpected = (first == 0x28 || first & 0xF0 == 0x50) && paddingCount == 0
            frameHead = []
        case .xz(let stream):
            // Only xz knows padding between streams, of four bytes each (the .xz file format, 2.2).
            isExpected = first == 0xFD && paddingCount.isMultiple(of: 4)
            if isExpected { try startXZ(stream) }
        }
        guard isExpected else { throw afterTheEnd(position) }
        isAtBoundary = false
        streamStart = position
        streamProducedCount = 0
        paddingCount = 0
    }

    private func startXZ(_ stream: UnsafeMutablePointer<lzma_stream>) throws(UnpackError) {
        guard lzma_stream_decoder(stream, UInt64(clamping: memoryLimit), Self.tellsMissingChecks) == LZMA_OK else {
            throw .system(SystemError("start decompressor", code: ENOMEM))
        }
    }

    private func afterTheEnd(_ place: Int64) -> UnpackError {
        .damaged(reason: "data after the end of the archive at byte \(place)")
    }

    private func inflate(
        _ stream: UnsafeMutablePointer<z_stream>, _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        if let inflater, !isInHeader { return try inflate(inflater, input, output) }
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(clamping: input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: output.count)
        switch CArchive.inflate(stream, inflater == nil ? Z_NO_FLUSH : Z_BLOCK) {
        case Z_OK, Z_BUF_ERROR:
            // With Z_BLOCK it stops right behind the header and says so in this bit (zlib.h).
            if let inflater, stream.pointee.data_type & 128 != 0 {
                isInHeader = false
                gwe_inflater_begin(inflater)
            }
        case Z_STREAM_END: isAtBoundary = true
        case Z_MEM_ERROR: throw .system(SystemError("decompress", code: ENOMEM))
        default:
            let words = stream.pointee.msg.map { String(cString: $0) } ?? "unknown error"
            throw .damaged(reason: "the gzip data is damaged (\(words))")
        }
        return (input.count - Int(stream.pointee.avail_in), output.count - Int(stream.pointee.avail_out))
    }

    private func inflate(
        _ inflater: OpaquePointer, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        var (consumed, produced) = (0, 0)
        let code = gwe_inflater_run(
            inflater, input.baseAddress, input.count, &consumed, output.baseAddress, output.count, &produced)
        guard code >= 0 else { throw .damaged(reason: "the gzip data is damaged (refused by ISA-L)") }
        isAtBoundary = code == 1
        return (consumed, produced)
    }

    private func decompress(
        _ stream: OpaquePointer, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let hint = ZSTD_decompressStream(stream, &target, &source)
        guard ZSTD_isError(hint) == 0 else {
            let words = ZSTD_getErrorName(hint).map { String(cString: $0) } ?? "unknown error"
            throw .damaged(reason: "the zstd data is damaged (\(words.lowercased()))")
        }
        if frameHead.count < 5 {
            frameHead += input[..<source.pos].prefix(5 - frameHead.count)
            // The third bit of the descriptor that follows the magic number (RFC 8878, 3.1.1.1.1).
            if frameHead.count == 5, frameHead[0] == 0x28, frameHead[4] & 0x04 == 0 { hasChecksum = false }
        }
        isAtBoundary = hint == 0
        return (source.pos, target.pos)
    }

    private func decode(
        _ stream: UnsafeMutablePointer<lzma_stream>, _ input: UnsafeRawBufferPointer, _ isLast: Bool,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(UnpackError) -> (consumed: Int, produced: Int) {
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = input.count
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = output.count
        let code = lzma_code(stream, isLast ? LZMA_FINISH : LZMA_RUN)
        switch code {
        case LZMA_OK, LZMA_BUF_ERROR: break
        case LZMA_NO_CHECK, LZMA_UNSUPPORTED_CHECK: hasChecksum = false
        case LZMA_STREAM_END: isAtBoundary = true
        case LZMA_MEM_ERROR: throw .system(SystemError("decompress", code: ENOMEM))
        case LZMA_MEMLIMIT_ERROR: throw .tooLarge(reason: "its xz dictionary needs too much memory")
        default: throw .damaged(reason: "the xz data is damaged (error \(code.rawValue))")
        }
        return (input.count - stream.pointee.avail_in, output.count - stream.pointee.avail_out)
    }
}
