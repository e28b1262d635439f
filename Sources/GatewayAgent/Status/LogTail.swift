internal import GatewayModel

/// The last lines of an app's log for its status.
enum LogTail {
    /// A line is cut after so many bytes.
    private static let longest = 4_096

    static func lines(of app: AppName, _ context: GatewayContext, count: Int) -> [String] {
        let log = AppLog(of: app, context)
        let limit = count * longest
        var bytes: [UInt8] = []
        var seen = 0
        (log.only { !$0.isError } ?? log).tail(count, byteLimit: Int64(limit)) { _, piece in
            bytes.append(contentsOf: piece)
            seen += piece.count
            // Only the end counts, and memory is small.
            if bytes.count > limit * 2 { bytes.removeFirst(bytes.count - limit) }
            // An app may write faster than it is read here.
            return seen < 64 << 20
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).suffix(count)
        // A power cut leaves NUL bytes at the end of a log, and no reader of JSON takes a NUL character.
        return lines.map {
            String(decoding: $0.suffix(longest), as: UTF8.self).split(separator: "\0", omittingEmptySubsequences: false)
                .joined(separator: "\u{FFFD}")
        }
    }
}
