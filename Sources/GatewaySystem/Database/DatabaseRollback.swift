internal import Glibc

/// What a database would be after SQLite has rolled back a transaction that a crash interrupted, made in memory: a
/// dry run must not change the file. Follows https://www.sqlite.org/fileformat.html#the_rollback_journal.
struct DatabaseRollback {
    private static let magic: [UInt8] = [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7]
    /// Larger databases are not taken into memory.
    private static let byteLimit = 256 << 20

    /// The database's bytes; nil if there is no journal to roll back, or it changed meanwhile, or both are too large.
    static func image(of path: String) throws(SystemError) -> [UInt8]? {
        guard let journal = try read(path + "-journal"), let database = try read(path) else { return nil }
        guard try read(path + "-journal") == journal else { return nil }
        return apply(journal, to: database)
    }

    /// Puts back the pages that the journal holds, up to its first damaged record, and the length that it tells.
    static func apply(_ journal: [UInt8], to database: [UInt8]) -> [UInt8]? {
        guard journal.starts(with: magic), journal.count >= 28 else { return nil }
        func number(_ offset: Int) -> UInt32 { journal[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        let pageCount = Int(number(16))
        let sectorSize = Int(number(20))
        let pageSize = Int(number(24))
        guard (512...65536).contains(pageSize), pageSize.nonzeroBitCount == 1, (32...65536).contains(sectorSize),
            sectorSize.nonzeroBitCount == 1, pageCount <= byteLimit / pageSize
        else { return nil }
        var image = database
        let length = pageCount * pageSize
        if image.count < length { image += [UInt8](repeating: 0, count: length - image.count) }
        image.removeLast(image.count - length)

        var header = 0
        while header + 28 <= journal.count, journal[header..<header + 8].elementsEqual(magic) {
            let nonce = number(header + 12)
            var offset = header + sectorSize
            var rest = number(header + 8)
            while rest > 0, offset + pageSize + 8 <= journal.count {
                let page = Int(number(offset))
                let content = offset + 4..<offset + 4 + pageSize
                guard page > 0, number(content.upperBound) == checksum(journal[content], nonce) else { return image }
                if page <= pageCount {
                    image.replaceSubrange((page - 1) * pageSize..<page * pageSize, with: journal[content])
                }
                offset = content.upperBound + 4
                rest -= 1
            }
            guard rest == 0, offset > header + sectorSize else { return image }
            header = (offset + sectorSize - 1) / sectorSize * sectorSize
        }
        return image
    }

    /// The nonce and every 200th byte, counted from the end.
    private static func checksum(_ page: ArraySlice<UInt8>, _ nonce: UInt32) -> UInt32 {
        var sum = nonce
        var offset = page.count - 200
        while offset > 0 {
            sum &+= UInt32(page[page.startIndex + offset])
            offset -= 200
        }
        return sum
    }

    /// nil for a file that is missing or too large.
    private static func read(_ path: String) throws(SystemError) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else {
            guard errno != ENOENT else { return nil }
            throw SystemError.last("open \(path)")
        }
        defer { close(fd) }
        var status = stat()
        guard fstat(fd, &status) == 0 else { throw SystemError.last("read \(path)") }
        guard status.st_size <= byteLimit else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                pread(fd, $0.baseAddress?.advanced(by: filled), $0.count - filled, off_t(filled))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError.last("read \(path)") }
            guard count > 0 else { break }
            filled += count
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }
}
