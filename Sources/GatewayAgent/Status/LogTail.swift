internal import GatewayModel

/// The last lines of an app's log for its status.
enum LogTail {
    /// A line is cut after so many bytes.
    private static let longest = 4_096
    /// Of a longer line with carriage returns, such as a progress bar, so much of its end is shown.
    private static let longestOverwritten = 256
    /// What follows a line whose end has not come.
    private static let unfinished = " (unfinished)"

    static func lines(of app: AppName, _ context: GatewayContext, count: Int) -> [String] {
        let log = AppLog(of: app, context)
        let limit = count * longest
        var bytes: [UInt8] = []
        var seen = 0
        var last: AppLog.Stream?
        (log.only { !$0.isError } ?? log).tail(count, byteLimit: Int64(limit)) { stream, piece in
            if stream != last, last != nil { endLine(&bytes) }
            last = stream
            bytes.append(contentsOf: piece)
            seen += piece.count
            // Only the end counts, and memory is small.
            if bytes.count > limit * 2 { bytes.removeFirst(bytes.count - limit) }
            // An app may write faster than it is read here.
            return seen < 64 << 20
        }
        endLine(&bytes)
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).suffix(count).map(text)
    }

    /// Marks a line whose end has not come, and ends it.
    private static func endLine(_ bytes: inout [UInt8]) {
        guard let last = bytes.last, last != UInt8(ascii: "\n") else { return }
        bytes.append(contentsOf: "\(unfinished)\n".utf8)
    }

    private static func text(_ line: ArraySlice<UInt8>) -> String {
        // A power cut leaves NUL bytes at the end of a log, and no reader of JSON takes a NUL character.
        String(decoding: shown(line).suffix(longest), as: UTF8.self).split(
            separator: "\0", omittingEmptySubsequences: false
        ).joined(separator: "\u{FFFD}")
    }

    /// What is of use of a long line that a program has written over and over on a terminal: its end.
    private static func shown(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard line.count > longestOverwritten, line.contains(UInt8(ascii: "\r")) else { return line }
        let end = line.suffix(longestOverwritten)
        guard let first = end.firstIndex(of: UInt8(ascii: "\r")), first < end.endIndex - 1 else { return line }
        return ArraySlice("…".utf8 + end[(first + 1)...])
    }
}
