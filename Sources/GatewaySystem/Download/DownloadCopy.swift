internal import Glibc

/// An artifact of this machine, copied into the downloads: a stick may be pulled out at any time.
enum DownloadCopy {
    static func copy(
        _ source: String, _ request: DownloadRequest, to file: DownloadFile
    ) throws(TransferError) -> DownloadOutcome {
        let action = "copy \(source)"
        let input = try TransferError.local { () throws(SystemError) in
            try OpenFile(path: source, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        }
        let size = try size(of: input, source, request, action, notOnto: file.path)
        var record = DownloadRecord()
        record.origin = source
        record.validator = request.validator ?? request.sha256.map { "sha256:" + $0 }
        record.total = size
        try TransferError.local { () throws(SystemError) in try file.create(record) }
        file.announce()
        while try TransferError.local({ () throws(SystemError) in try file.append(from: input, named: source) }) {
            if request.isCancelled?() == true { throw TransferError(.cancelled, action, "stopped on request") }
            guard file.byteCount <= size else { break }
        }
        guard file.byteCount == size else { throw TransferError(.wrongSize, action, "it changed while it was read") }
        let digest = try TransferError.local { () throws(SystemError) in try file.digest() }
        if let wanted = request.sha256, wanted != digest {
            throw TransferError(.wrongDigest, action, "its SHA-256 is \(digest), expected was \(wanted)")
        }
        try TransferError.local { () throws(SystemError) in
            try file.finish(digest: digest, isDurable: request.isDurable)
        }
        return DownloadOutcome(path: file.path, byteCount: size, sha256: digest)
    }

    /// The size, after everything that can be known of the file without reading it has been checked.
    private static func size(
        of input: borrowing OpenFile, _ source: String, _ request: DownloadRequest, _ action: String,
        notOnto destination: String
    ) throws(TransferError) -> Int64 {
        var status = stat()
        guard fstat(input.descriptor, &status) == 0 else { throw TransferError(.last("examine \(source)")) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TransferError(.refused, action, "it is not a regular file")
        }
        let size = Int64(status.st_size)
        if let expected = request.expectedByteCount, expected != size {
            throw TransferError(.wrongSize, action, "it has \(size) bytes, expected were \(expected)")
        }
        guard size <= request.maximumByteCount else {
            throw TransferError(.tooLarge, action, "it has \(size) bytes, the limit is \(request.maximumByteCount)")
        }
        var existing = stat()
        if stat(destination, &existing) == 0, existing.st_dev == status.st_dev, existing.st_ino == status.st_ino {
            throw TransferError(.refused, action, "it is the file to be written")
        }
        return size
    }
}
