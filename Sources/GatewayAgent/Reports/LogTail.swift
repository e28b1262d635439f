internal import GatewayModel

/// The last lines of an app's log for its status.
enum LogTail {
    /// A line is cut after so many bytes.
    private static let longest = 4_096

    static func lines(of app: AppName, _ context: GatewayContext, count: Int) -> [String] {
        let log = AppLog(of: app, context)
        var bytes: [UInt8] = []
        (log.only { !$0.isError } ?? log).tail(count) { _, piece in
            bytes.append(contentsOf: piece)
            // Only the end counts, and memory is small.
            if bytes.count > count * longest * 2 { bytes.removeFirst(bytes.count - count * longest) }
            return true
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).suffix(count)
        return lines.map { String(decoding: $0.suffix(longest), as: UTF8.self) }
    }
}
