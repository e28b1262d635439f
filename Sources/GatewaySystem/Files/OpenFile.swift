internal import Glibc

/// An open file descriptor, closed when its owner is gone. Always close-on-exec.
struct OpenFile: ~Copyable {
    let descriptor: Int32

    /// Takes over a descriptor that is already open.
    init(owning descriptor: Int32) { self.descriptor = descriptor }

    /// open(2) with O_CLOEXEC added.
    init(path: String, flags: Int32, mode: mode_t = 0) throws(SystemError) {
        let opened = retrying { open(path, flags | O_CLOEXEC, mode) }
        guard opened >= 0 else { throw .last("open \(path)") }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// close(2) with its result: on some file systems (NFS, disk quotas) it is the last to report a failed write.
    consuming func closeChecked(named path: @autoclosure () -> String) throws(SystemError) {
        let result = close(descriptor)
        let code = errno
        discard self
        // Linux has released the descriptor even when close() was interrupted (close(2), "Dealing with error returns").
        guard result == 0 || code == EINTR else { throw SystemError("close \(path())", code: code) }
    }

    func status(named path: @autoclosure () -> String) throws(SystemError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("examine \(path())") }
        return status
    }

    /// fsync(2). A failure is final: the kernel has forgotten which pages were not written, so the file must be
    /// written anew, and never be synced again in the hope of a better answer.
    func sync(named path: @autoclosure () -> String) throws(SystemError) {
        guard retrying({ fsync(descriptor) }) == 0 else { throw .last("sync \(path())") }
    }

    func writeAll(_ bytes: UnsafeRawBufferPointer, named path: @autoclosure () -> String) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = retrying { write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count) }
            guard count >= 0 else { throw .last("write \(path())") }
            rest = rest.dropFirst(count)
        }
    }

    func writeAll(_ bytes: [UInt8], named path: @autoclosure () -> String) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                return retrying { write(descriptor, rest.baseAddress, rest.count) }
            }
            guard count >= 0 else { throw .last("write \(path())") }
            written += count
        }
    }

    /// Reads into `buffer` from `offset` on, at most to its end; 0 at the end of the file.
    func readSome(
        into buffer: inout [UInt8], from offset: Int = 0, named path: @autoclosure () -> String
    ) throws(SystemError) -> Int {
        let count = buffer.withUnsafeMutableBytes { bytes in
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[offset...])
            return retrying { read(descriptor, rest.baseAddress, rest.count) }
        }
        guard count >= 0 else { throw .last("read \(path())") }
        return count
    }

    /// The digest of the content from the current position to the end.
    func digest(named path: @autoclosure () -> String, buffer: ReadBuffer) throws(SystemError) -> SHA256Digest {
        var hasher = SHA256Hasher()
        while true {
            let count = retrying { read(descriptor, buffer.bytes.baseAddress, buffer.bytes.count) }
            guard count >= 0 else { throw .last("read \(path())") }
            guard count > 0 else { return hasher.finishDigest() }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
        }
    }
}

/// Room for reading a file in pieces.
final class ReadBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int = 256 << 10) { bytes = .allocate(byteCount: byteCount, alignment: 4096) }

    deinit { bytes.deallocate() }
}

/// Repeats a system call that a signal interrupted.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
