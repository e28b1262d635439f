internal import Documents
internal import GatewaySystem
internal import Glibc

/// Makes a new file with these bytes.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
    let fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw SystemError.last("create \(path)") }
    defer { close(fd) }
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw SystemError.last("write \(path)") }
        rest = rest.dropFirst(count)
    }
}

func writeEmptyFile(_ path: String) throws(SystemError) { try writeFile(path, []) }

/// All bytes of a descriptor, up to a limit; one more byte than that is EFBIG.
func readAll(_ fd: Int32, name: String, byteLimit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = read(fd, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw SystemError.last("read \(name)") }
        guard count > 0 else { return bytes }
        bytes += chunk.prefix(count)
        guard bytes.count <= byteLimit else { throw SystemError("read \(name)", code: EFBIG) }
    }
}

/// All bytes of a file.
func readFile(_ path: String, byteLimit: Int) throws(SystemError) -> [UInt8] {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw SystemError.last("open \(path)") }
    defer { close(fd) }
    return try readAll(fd, name: path, byteLimit: byteLimit)
}

/// Writes to a standard stream, made safe where a terminal shows it; what does not go out is lost.
func writeAll(_ fd: Int32, _ bytes: [UInt8]) {
    var rest = bytes[...]
    if isatty(fd) == 1 {
        var text = TerminalText()
        rest = (text.write(bytes) + text.finish())[...]
    }
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
    }
}
