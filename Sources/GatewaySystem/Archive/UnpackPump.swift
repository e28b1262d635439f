internal import Glibc

/// Reads a package, hashes it if asked, decompresses it into a ring, and watches the limits. Runs on a thread of its
/// own; the ring's end carries its error.
final class UnpackPump: Sendable {
    struct Outcome {
        var byteCount: Int64 = 0
        var digest: SHA256Digest?
        /// Whether all of the compressed data has a checksum of its own.
        var hasChecksum = true
    }

    /// Whether zlib might say something else of the package than the decoder that was chosen.
    var usesQuickDecoder: Bool { isQuick.update { $0 } }

    let ring: BlockRing
    private let source: ArchiveSource
    private let limits: UnpackLimits
    private let isHashing: Bool
    private let mayBeQuick: Bool
    private let outcome = Monitor(Outcome())
    private let isQuick = Monitor(false)

    /// - Parameter isQuick: whether gzip may be decoded by ISA-L.
    init(_ source: ArchiveSource, _ limits: UnpackLimits, isHashing: Bool, isQuick: Bool) {
        self.source = source
        self.limits = limits
        self.isHashing = isHashing
        mayBeQuick = isQuick
        // As much as stays in the processor's cache; more of it made nothing quicker.
        ring = BlockRing(blockCount: 4, blockByteCount: 128 << 10)
    }

    /// Of the whole package, once the ring has ended without an error.
    var result: Outcome { outcome.update { $0 } }

    /// The reading side gives up: ends the thread wherever it waits.
    func cancel() {
        ring.cancel()
        if case .growing(let file) = source { file.wake() }
    }

    func run() {
        do throws(UnpackError) {
            switch source {
            case .growing(let file):
                let generation = file.generation
                try pump { (buffer, offset) throws(UnpackError) in
                    try file.read(
                        into: buffer, at: offset, generation: generation, isCancelled: { self.ring.isCancelled })
                }
            case .file(let path):
                let file: OpenFile
                do { file = try OpenFile(path: path, flags: O_RDONLY) } catch { throw UnpackError.system(error) }
                let descriptor = file.descriptor
                try pump { (buffer, _) throws(UnpackError) in
                    let count = retrying { read(descriptor, buffer.baseAddress, buffer.count) }
                    guard count >= 0 else { throw .system(.last("read \(path)")) }
                    return count
                }
                try closed(file, path)
            }
            ring.end(.success(()))
        } catch {
            ring.end(.failure(error))
        }
    }

    private func closed(_ file: consuming OpenFile, _ path: String) throws(UnpackError) {
        do { try file.closeChecked(named: path) } catch { throw .system(error) }
    }

    private func pump(
        _ read: (UnsafeMutableRawBufferPointer, Int64) throws(UnpackError) -> Int
    ) throws(UnpackError) {
        let buffer = ReadBuffer(byteCount: 64 << 10)
        var hasher = SHA256Hasher()
        var readCount: Int64 = 0
        var isLast = false
        var input = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<0])
        // The first bytes say which decompressor it takes.
        var head = 0
        while head < StreamDecoder.magicByteCount, !isLast {
            let count = try read(UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[head...]), Int64(head))
            isLast = count == 0
            head += count
        }
        let decoder = try StreamDecoder(
            magic: buffer.bytes.prefix(head), memoryLimit: limits.decoderByteCount, isQuick: mayBeQuick)
        isQuick.update { $0 = decoder.isQuick }
        input = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<head])
        readCount = Int64(head)
        if isHashing { hasher.update(input) }
        var producedCount: Int64 = 0
        while let (index, block) = ring.acquire() {
            var filled = 0
            while filled < block.count {
                if input.isEmpty, !isLast {
                    let count = try read(buffer.bytes, readCount)
                    isLast = count == 0
                    readCount += Int64(count)
                    input = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])
                    if isHashing { hasher.update(input) }
                }
                let wasAtBoundary = decoder.isAtBoundary
                let (consumed, produced) = try decoder.decode(
                    input, isLast: isLast, into: UnsafeMutableRawBufferPointer(rebasing: block[filled...]))
                input = UnsafeRawBufferPointer(rebasing: input[consumed...])
                filled += produced
                // The end of a stream may have been read before: with the last bytes that did not fit any more.
                guard consumed == 0, produced == 0, decoder.isAtBoundary == wasAtBoundary else { continue }
                if !input.isEmpty { throw .damaged(reason: "the compressed data is damaged") }
                if isLast { break }
            }
            producedCount += Int64(filled)
            try check(produced: producedCount, read: readCount)
            if filled > 0 { ring.publish(index, byteCount: filled) }
            if filled < block.count {
                guard decoder.isAtBoundary else { throw .damaged(reason: "it is cut off after \(readCount) bytes") }
                let digest = isHashing ? hasher.finishDigest() : nil
                let whole = Outcome(byteCount: readCount, digest: digest, hasChecksum: decoder.hasChecksum)
                return outcome.update { $0 = whole }
            }
        }
    }

    /// Headers and padding come on top of the files' own bytes.
    private func check(produced: Int64, read: Int64) throws(UnpackError) {
        let (headers, overflow) = Int64(limits.entryCount).multipliedReportingOverflow(by: 2048)
        let (most, overflow2) = limits.byteCount.addingReportingOverflow(headers + 1 << 20)
        if !overflow, !overflow2, produced > most {
            throw .tooLarge(reason: "it unpacks to more than \(limits.byteCount) bytes")
        }
        if produced > 64 << 20, produced / max(1, read) > limits.ratio {
            throw .tooLarge(reason: "it unpacks to more than \(limits.ratio) times its size")
        }
    }
}
