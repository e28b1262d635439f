internal import GatewayModel
internal import Glibc

/// The lines of standard input, each as soon as it is there.
struct GDCInputLines {
    /// Of one line; no resource takes more.
    private static let limit = 1 << 20
    private var buffer: [UInt8] = []
    private var isAtEnd = false

    /// nil at the end. A last line without its end counts too.
    mutating func next() throws(GDCFailure) -> String? {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: 10) {
                defer { buffer.removeSubrange(...end) }
                return text(buffer[..<end])
            }
            searched = buffer.count
            if isAtEnd {
                defer { buffer = [] }
                return buffer.isEmpty ? nil : text(buffer[...])
            }
            guard buffer.count <= GDCInputLines.limit else {
                throw GDCFailure(
                    code: ExitStatus.badInput.rawValue, message: "cannot read standard input: a line has over 1 MiB")
            }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw GDCFailure(code: ExitStatus.inputOutputError.rawValue, message: "cannot read standard input")
            }
            isAtEnd = count == 0
            buffer += chunk.prefix(count)
        }
    }

    private func text(_ line: ArraySlice<UInt8>) -> String {
        String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
    }
}
