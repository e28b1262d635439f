internal import Glibc

/// A partial file being written: buffered, hashed on the way, and announced to a reader behind the writer.
///
/// Three names belong to a download of `path`: the finished file itself, `<path>.partial` and `<path>.origin`.
/// What a kill leaves is a partial file that is shorter by what was in the buffer, at most a second's worth.
final class DownloadFile {
    /// Written in pieces that are large for the disk and still in the processor's cache when they are hashed.
    private static let bufferByteCount = 512 << 10
    private static let flushInterval: Duration = .seconds(1)
    /// A long download on a slow link is made durable in between, so that power loss costs at most this much.
    private static let checkpointInterval: Duration = .seconds(60)

    let path: String
    let partialPath: String
    let recordPath: String
    private(set) var record = DownloadRecord()
    /// Bytes in the file; those in the buffer come on top.
    private(set) var byteCount: Int64 = 0
    /// How many of them are of an earlier run.
    private(set) var resumedByteCount: Int64 = 0
    private let events: (DownloadEvent) -> Void
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferByteCount, alignment: 64)
    /// Bytes that have arrived and are not in the file yet.
    private(set) var bufferedByteCount = 0
    private var hasher = SHA256Hasher()
    private var file: OpenFile?
    private var lastFlush = ContinuousClock.now
    private var lastCheckpoint = ContinuousClock.now
    private let boot = FileSystemInfo.bootIdentifier

    init(_ path: String, events: @escaping (DownloadEvent) -> Void) {
        self.path = path
        partialPath = path + ".partial"
        recordPath = path + ".origin"
        self.events = events
    }

    deinit { buffer.deallocate() }

    var isOpen: Bool { file != nil }
    /// What the content's length is so far, whether already in the file or not.
    var receivedByteCount: Int64 { byteCount + Int64(bufferedByteCount) }

    // MARK: Beginning

    /// Takes up the partial file of an earlier run, up to `limit` bytes of it. False, and nothing is left of it, when
    /// there is none or it is not the beginning of what is wanted.
    func resume(limit: Int64? = nil, isWanted: (DownloadRecord) -> Bool) throws(SystemError) -> Bool {
        guard let found = DownloadRecord.read(recordPath), isWanted(found) else { return false }
        let opened = retrying { open(partialPath, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard opened >= 0 else { return false }
        let descriptor = OpenFile(owning: opened)
        let status = try descriptor.status(named: partialPath)
        guard status.st_mode & S_IFMT == S_IFREG else { return false }
        var good = Int64(status.st_size)
        if found.boot != boot || boot.isEmpty { good = min(good, found.durableByteCount) }
        if let total = found.total, good > total { return false }
        if let limit { good = min(good, limit) }
        guard good > 0 else { return false }
        guard retrying({ ftruncate(descriptor.descriptor, off_t(good)) }) == 0 else {
            throw .last("cut \(partialPath)")
        }
        record = found
        if found.boot != boot {
            record.boot = boot
            try record.write(recordPath)
        }
        try hash(descriptor, upTo: good)
        byteCount = good
        resumedByteCount = good
        file = consume descriptor
        return true
    }

    /// Starts an empty file. The old one is unlinked first, so that no reader and no crash can mix the two.
    func create(_ record: DownloadRecord) throws(SystemError) {
        discardBuffer()
        file = nil
        hasher = SHA256Hasher()
        byteCount = 0
        resumedByteCount = 0
        try DownloadFile.remove(partialPath)
        self.record = record
        self.record.boot = boot
        self.record.durableByteCount = 0
        self.record.completeDigest = nil
        // Nothing of the part is durable yet; the first checkpoint makes both so.
        try self.record.write(recordPath, isDurable: false)
        file = try OpenFile(path: partialPath, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }

    /// Tells the reader that it may begin.
    func announce() { events(.started(partial: partialPath, byteCount: byteCount, total: record.total)) }

    /// Tells the reader that all it has read is void.
    func restart(_ reason: String) { events(.restarted(reason: reason)) }

    private func hash(_ descriptor: borrowing OpenFile, upTo end: Int64) throws(SystemError) {
        hasher = SHA256Hasher()
        var rest = end
        while rest > 0 {
            let wanted = min(Int(clamping: rest), buffer.count)
            let count = retrying { read(descriptor.descriptor, buffer.baseAddress, wanted) }
            guard count >= 0 else { throw .last("read \(partialPath)") }
            // Somebody has cut it in the meantime.
            guard count > 0 else { throw SystemError("read \(partialPath)", code: EIO) }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            rest -= Int64(count)
        }
    }

    // MARK: Writing

    func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, buffer.count - bufferedByteCount)
            UnsafeMutableRawBufferPointer(rebasing: buffer[bufferedByteCount...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
            bufferedByteCount += count
            rest = rest.dropFirst(count)
            if bufferedByteCount == buffer.count { try flush() }
        }
    }

    /// Fills the buffer from a descriptor and writes it; false at the end of what is read.
    func append(from source: borrowing OpenFile, named name: String) throws(SystemError) -> Bool {
        let count = retrying { read(source.descriptor, buffer.baseAddress, buffer.count) }
        guard count >= 0 else { throw .last("read \(name)") }
        bufferedByteCount = count
        try flush()
        return count > 0
    }

    func flush() throws(SystemError) {
        guard bufferedByteCount > 0 else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<bufferedByteCount])
        bufferedByteCount = 0
        try file?.writeAll(bytes, named: partialPath)
        hasher.update(bytes)
        byteCount += Int64(bytes.count)
        lastFlush = .now
        events(.appended(byteCount: byteCount))
    }

    /// Called several times a second.
    func tick() throws(SystemError) {
        let now = ContinuousClock.now
        if bufferedByteCount > 0, now - lastFlush >= DownloadFile.flushInterval { try flush() }
        if now - lastCheckpoint >= DownloadFile.checkpointInterval { try checkpoint() }
    }

    /// Makes what is there durable and says so in the record.
    func checkpoint() throws(SystemError) {
        lastCheckpoint = .now
        guard file != nil, byteCount > record.durableByteCount else { return }
        try sync()
        record.durableByteCount = byteCount
        record.boot = boot
        try record.write(recordPath)
    }

    /// After a failed fsync nobody knows which bytes are on the disk: the file is of no use any more.
    private func sync() throws(SystemError) {
        do throws(SystemError) {
            try file?.sync(named: partialPath)
        } catch {
            discard()
            throw error
        }
    }

    private func discardBuffer() { bufferedByteCount = 0 }

    // MARK: Ending

    /// The digest of all bytes. Nothing may be appended after it.
    func digest() throws(SystemError) -> String {
        try flush()
        return hasher.finish()
    }

    /// Makes the whole file durable under its final name. The order is: content, record, name; after a crash in
    /// between, the next run finds all bytes and only has to hash them. See `DownloadRequest.isDurable`.
    func finish(digest: String, isDurable: Bool) throws(SystemError) {
        if isDurable { try sync() }
        record.completeDigest = digest
        record.total = byteCount
        record.durableByteCount = isDurable ? byteCount : min(byteCount, record.durableByteCount)
        try record.write(recordPath, isDurable: isDurable)
        guard rename(partialPath, path) == 0 else { throw .last("rename \(partialPath)") }
        if isDurable { try FileTree.syncDirectory(try PathParts(path).parent) }
        file = nil
    }

    /// The digest of the finished file of an earlier run, if it is still what the record says.
    func finishedDigest(isWanted: (DownloadRecord) -> Bool) -> (digest: String, byteCount: Int64)? {
        guard let found = DownloadRecord.read(recordPath), let wanted = found.completeDigest, let total = found.total,
            isWanted(found)
        else { return nil }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, Int64(status.st_size) == total,
            let digest = try? SHA256.hex(ofFile: path), digest == wanted
        else { return nil }
        return (digest, total)
    }

    /// Ends a try or the call; what is there stays for the next one. Best effort: the error that led here matters.
    func keep() {
        do throws(SystemError) {
            try flush()
            try checkpoint()
        } catch {
            if error.isNoSpace { giveUp() }
        }
    }

    /// On a full disk: removes partial file and record, and gives the space back at once, though a reader may still have
    /// the file open.
    func giveUp() {
        _ = try? FileTree.releaseFile(partialPath)
        discard()
    }

    /// Removes partial file and record.
    func discard() {
        discardBuffer()
        file = nil
        byteCount = 0
        unlink(partialPath)
        unlink(recordPath)
    }

    static func remove(_ path: String) throws(SystemError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .last("remove \(path)") }
    }
}
