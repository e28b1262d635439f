internal import CSQLite
internal import Glibc

/// A statement that changed a database, as it was run.
struct RedoStatement: Sendable, Hashable {
    var sql: String
    var bindings: [SQLValue]
}

/// What a span of transactions has changed since the database's last commit, in a file beside it (`<database>-redo`).
///
/// A commit of SQLite in its rollback mode costs five syncs and whole pages. A record here costs some hundred bytes and one
/// sync, or none where a later one will do, and says the same: the statements of a transaction with their values. Whoever opens the database after a crash
/// runs them again; whoever only reads it meanwhile does so in a copy in memory. The commit at the end of the span makes
/// the file void: it belongs to one generation of the database (`DatabaseGeneration`).
///
/// The form: a header of 16 bytes of name and version, 8 of generation, and the first 4 bytes of a SHA-256 of both; then
/// records of 4 bytes of length, 4 of a digest of that, the first 16 bytes of a SHA-256, and the statements. Each digest
/// covers the one before, up to the header: neither a record that was cut short nor one that an earlier span has left behind
/// is taken for one of this span. Numbers are little-endian.
///
/// After the end of a process the file holds every record whose `append` has returned; after a power cut at least those up
/// to the last one that was durable. Either may have more, or a part of it: see `isCut`.
struct DatabaseRedoLog: ~Copyable {
    /// What a file says.
    struct Content: Sendable {
        /// nil where the header is damaged: then it may be of any.
        var generation: DatabaseGeneration?
        /// In order, one a transaction.
        var records: [[RedoStatement]] = []
        /// Header and records.
        var byteCount = 0
        /// Whether something follows the last record, or stands in the place of the first, that no crash leaves: of what
        /// was durable something may be lost.
        var isDamaged = false
    }

    private static let family = Array("gwe redo log ".utf8)
    private static let magic = Array("gwe redo log 1\n\0".utf8)
    private static let checkByteCount = 4
    private static let headerByteCount = magic.count + 8 + checkByteCount
    private static let digestByteCount = 16
    /// More than a span ever writes (`DatabaseConnection.redoLimit` and one record).
    private static let byteLimit = 64 << 20

    private let path: String
    private let file: OpenFile
    /// Where the next record goes; 0 before the first one of this generation, which brings the header.
    private(set) var end: Int64 = 0
    private var chain: SHA256Digest
    private let header: [UInt8]
    private var isSynced = true
    /// Whether a sync has failed: the kernel may have forgotten what it could not write, and no later sync says so.
    private(set) var isBroken = false

    static func path(of database: String) -> String { database + "-redo" }

    /// Opens the file for a span, and makes it if it is missing. What an earlier span left in it is void by now.
    init(of database: String, generation: DatabaseGeneration) throws(SystemError) {
        let path = DatabaseRedoLog.path(of: database)
        DatabaseRedoLog.repairMode(of: database)
        let isNew = try DatabaseRedoLog.hasToBeMade(path)
        let opened = try OpenFile(path: path, flags: O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o200)
        guard try opened.status(named: path).st_mode & S_IFMT == S_IFREG else {
            throw DatabaseRedoLog.noFile(path)
        }
        if isNew {
            // Who owns the database owns its log, also when root makes it.
            var owner = stat()
            if geteuid() == 0, stat(database, &owner) == 0 {
                fchown(opened.descriptor, owner.st_uid, owner.st_gid)
            }
            do throws(SystemError) { try FileTree.syncDirectory(try PathParts(path).parent) } catch {
                unlink(path)
                throw error
            }
            // Only now: one that a crash has left before this is made anew (`hasToBeMade`).
            fchmod(opened.descriptor, 0o600)
        } else if try opened.status(named: path).st_size > 0 {
            guard ftruncate(opened.descriptor, 0) == 0 else { throw .last("empty \(path)") }
        }
        let start =
            DatabaseRedoLog.magic + DatabaseRedoLog.bytes(of: generation.name)
            + DatabaseRedoLog.bytes(of: generation.changeCounter)
        header = start + Array(DatabaseRedoLog.check(start))
        chain = SHA256.digest(of: header)
        file = opened
        self.path = path
    }

    /// Adds a record. Of one that fails nothing counts.
    /// - Parameter isDurable: whether it is on the disk when this returns, with all that came before.
    mutating func append(_ statements: [RedoStatement], isDurable: Bool) throws(SystemError) {
        let payload = DatabaseRedoLog.encoded(statements)
        let digest = SHA256.digest(of: chain.bytes + payload)
        let start = max(end, Int64(header.count))
        let length = DatabaseRedoLog.bytes(of: UInt32(truncatingIfNeeded: payload.count))
        let record =
            (end == 0 ? header : []) + length + DatabaseRedoLog.check(chain.bytes + length)
            + digest.bytes.prefix(DatabaseRedoLog.digestByteCount) + payload
        guard start + Int64(record.count) < Int64(DatabaseRedoLog.byteLimit) else {
            throw SystemError("write \(path)", code: EFBIG)
        }
        do throws(SystemError) {
            try write(record, at: end)
            isSynced = false
            if isDurable { try sync() }
        } catch {
            // What is there of it must not be taken for one that counts.
            _ = ftruncate(file.descriptor, off_t(end))
            throw error
        }
        end += Int64(record.count)
        chain = digest
    }

    /// fdatasync(2), where anything was written since the last one. What fails is not tried again: see `isBroken`.
    mutating func sync() throws(SystemError) {
        guard !isSynced else { return }
        guard !isBroken, retrying({ fdatasync(file.descriptor) }) == 0 else {
            let error = SystemError.last("sync \(path)")
            isBroken = true
            throw error
        }
        isSynced = true
    }

    /// The commit of its span has made it void.
    mutating func empty() {
        // Whatever stays is of a generation that is gone.
        if end > 0 { _ = ftruncate(file.descriptor, 0) }
        (end, isSynced) = (0, true)
    }

    /// The records of this span, once more.
    borrowing func records() throws(SystemError) -> [[RedoStatement]] {
        guard end > 0 else { return [] }
        let content = try DatabaseRedoLog.read(file.descriptor, path)
        // Less than was told to be there must not be committed as if it were all.
        guard let content, content.byteCount >= end else {
            throw SystemError("read \(path): somebody else has changed it", code: EIO)
        }
        return content.records
    }

    private func write(_ bytes: [UInt8], at offset: Int64) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                return retrying {
                    pwrite(file.descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(written))
                }
            }
            guard count >= 0 else { throw .last("write \(path)") }
            written += count
        }
    }

    /// Gives an own file that has lost its permissions those back that its owner needs.
    static func repairMode(of database: String) {
        let path = path(of: database)
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0,
            status.st_mode & 0o600 != 0o600
        else { return }
        chmod(path, 0o600)
    }

    /// Whether the file has to be made. An empty one that is somebody else's goes.
    private static func hasToBeMade(_ path: String) throws(SystemError) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return true }
        guard status.st_mode & S_IFMT == S_IFREG else { throw noFile(path) }
        let isHalfMade = status.st_mode & 0o600 != 0o600
        guard status.st_size == 0, isHalfMade || (access(path, R_OK | W_OK) != 0 && errno == EACCES) else {
            return false
        }
        guard unlink(path) == 0 else { throw .last("replace \(path)") }
        return true
    }

    private static func noFile(_ path: String) -> SystemError {
        SystemError("use \(path), which is no regular file", code: EINVAL)
    }

    // MARK: reading

    /// What the file beside a database holds; nil where there is none, or nothing in it. Whether it belongs to the database
    /// as it is now, its generation says.
    static func content(of database: String) throws(SystemError) -> Content? {
        let path = path(of: database)
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw .last("examine \(path)") }
            return nil
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw noFile(path) }
        // An empty one has nothing to say, whoever may read it.
        guard status.st_size > 0 else { return nil }
        let file = try OpenFile(path: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        return try read(file.descriptor, path)
    }

    private static func read(_ descriptor: Int32, _ path: String) throws(SystemError) -> Content? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("examine \(path)") }
        let size = min(Int(status.st_size), byteLimit)
        guard size > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        var filled = 0
        while filled < size {
            let count = bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                return retrying { pread(descriptor, rest.baseAddress, rest.count, off_t(filled)) }
            }
            guard count >= 0 else { throw .last("read \(path)") }
            guard count > 0 else { break }
            filled += count
        }
        return try content(bytes[..<filled], path)
    }

    /// Up to the first record that is not whole.
    static func content(_ bytes: ArraySlice<UInt8>, _ path: String) throws(SystemError) -> Content? {
        var reader = RedoReader(bytes)
        guard let start = reader.take(magic.count), start.starts(with: family) else {
            let isCut = magic.starts(with: bytes) || isCut(bytes, from: 0, count: headerByteCount)
            return isCut ? nil : Content(isDamaged: true)
        }
        guard start.elementsEqual(magic) else {
            throw SystemError("read \(path), which another version of gwe has written", code: EPROTONOSUPPORT)
        }
        guard let name = reader.number(4), let counter = reader.number(4), let check = reader.take(checkByteCount)
        else {
            return nil
        }
        guard check.elementsEqual(self.check(bytes.prefix(headerByteCount - checkByteCount))) else {
            return isCut(bytes, from: 0, count: headerByteCount) ? nil : Content(isDamaged: true)
        }
        var content = Content(
            generation: DatabaseGeneration(
                name: Int32(truncatingIfNeeded: name), changeCounter: UInt32(truncatingIfNeeded: counter)))
        var chain = SHA256.digest(of: bytes.prefix(headerByteCount))
        while true {
            content.byteCount = reader.place - bytes.startIndex
            guard let length = reader.take(4), let check = reader.take(checkByteCount) else { break }
            guard check.elementsEqual(self.check(chain.bytes + length)) else {
                content.isDamaged = !isCut(bytes, from: content.byteCount, count: 4 + checkByteCount)
                break
            }
            // By now the length is known to be right: what does not reach as far was cut short.
            var counted = RedoReader(length)
            guard let count = counted.number(4), let head = reader.take(digestByteCount),
                let payload = reader.take(Int(count))
            else { break }
            let digest = SHA256.digest(of: chain.bytes + payload)
            guard digest.bytes.prefix(digestByteCount).elementsEqual(head), let record = decoded(payload) else {
                let whole = 4 + checkByteCount + digestByteCount + payload.count
                content.isDamaged = !isCut(bytes, from: content.byteCount, count: whole)
                break
            }
            content.records.append(record)
            chain = digest
        }
        return content
    }

    /// Whether a piece that is not as it was written may be what the end of a process or a power cut has left of one that no
    /// sync had made durable: then it is no damage.
    ///
    /// A process that ends within a write leaves a file that ends early. A power cut does so, too; or the file has its length
    /// and not its bytes: then they are zeros from the piece's start, or from the start of a sector within it, to the end of
    /// the file. (ext4 with data=ordered and UBIFS give a file no length before the bytes; others may, by blocks.) Bytes that
    /// were there before do not come back: the log was emptied, which frees its blocks.
    ///
    /// A block that a disk has lost after a sync, at the very end of the log, looks the same: no later record says that it
    /// was durable, and nobody can know it. Where later pages have reached the disk and earlier ones have not, nothing is
    /// lost, and it is told all the same: that needs more than a page of records none of which was durable.
    private static func isCut(_ bytes: ArraySlice<UInt8>, from start: Int, count: Int) -> Bool {
        guard start + count <= bytes.count else { return true }
        let sector = 512
        let written = bytes.lastIndex { $0 != 0 }.map { $0 + 1 - bytes.startIndex } ?? 0
        let blank = written <= start ? start : (written + sector - 1) / sector * sector
        return blank < start + count
    }

    private static func check(_ bytes: some Collection<UInt8>) -> ArraySlice<UInt8> {
        SHA256.digest(of: Array(bytes)).bytes.prefix(checkByteCount)
    }

    // MARK: the form of a record

    private static func bytes<Number: FixedWidthInteger>(of number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private static func encoded(_ statements: [RedoStatement]) -> [UInt8] {
        var out: [UInt8] = []
        func text(_ bytes: some Collection<UInt8>) {
            out += Self.bytes(of: UInt32(truncatingIfNeeded: bytes.count))
            out += bytes
        }
        for statement in statements {
            text(statement.sql.utf8)
            out += Self.bytes(of: UInt16(truncatingIfNeeded: statement.bindings.count))
            for value in statement.bindings {
                switch value {
                case .null: out.append(0)
                case .integer(let number): out.append(1); out += Self.bytes(of: number)
                case .real(let number): out.append(2); out += Self.bytes(of: number.bitPattern)
                case .text(let string): out.append(3); text(string.utf8)
                case .blob(let bytes): out.append(4); text(bytes)
                }
            }
        }
        return out
    }

    /// nil for anything that `encoded` does not write.
    private static func decoded(_ payload: ArraySlice<UInt8>) -> [RedoStatement]? {
        var reader = RedoReader(payload)
        var statements: [RedoStatement] = []
        while !reader.isAtEnd {
            guard let sql = reader.text(), let count = reader.number(2) else { return nil }
            var statement = RedoStatement(sql: String(decoding: sql, as: UTF8.self), bindings: [])
            for _ in 0..<count {
                guard let value = reader.value() else { return nil }
                statement.bindings.append(value)
            }
            statements.append(statement)
        }
        return statements
    }
}

private struct RedoReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }
    /// The index of what comes next.
    var place: Int { rest.startIndex }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func number(_ byteCount: Int) -> UInt64? {
        take(byteCount)?.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func text() -> ArraySlice<UInt8>? { number(4).flatMap { take(Int($0)) } }

    mutating func value() -> SQLValue? {
        switch take(1)?.first {
        case 0: .null
        case 1: number(8).map { .integer(Int64(bitPattern: $0)) }
        case 2: number(8).map { .real(Double(bitPattern: $0)) }
        case 3: text().map { .text(String(decoding: $0, as: UTF8.self)) }
        case 4: text().map { .blob(Array($0)) }
        default: nil
        }
    }
}

extension SHA256Digest {
    fileprivate var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }
}
