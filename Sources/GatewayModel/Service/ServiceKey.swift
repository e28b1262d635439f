/// Which process of which app: what a supervisor tells its services apart by. An app has one process, or with `numprocs`
/// several, which then have names of their own.
public struct ServiceKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The app that the process belongs to.
    public let app: AppName
    /// supervisord's `process_name`; nil for the only process of an app.
    public let process: String?

    /// The key of an app's only process, or of one of several.
    public init(_ app: AppName, process: String? = nil) {
        self.app = app
        self.process = process
    }

    /// Reads a `description`; nil when it is none.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let app = AppName(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(app)
            return
        }
        guard ServiceKey.isProcessName(parts[1]) else { return nil }
        self.init(app, process: parts[1])
    }

    /// supervisord's short name, which is safe as a file name: `app`, or `app:process`.
    public var description: String { process.map { "\(app):\($0)" } ?? app.text }

    /// By app and process, as `description` writes them.
    public static func < (a: ServiceKey, b: ServiceKey) -> Bool { a.description < b.description }

    /// Whether a process can be called so: 1 to 128 bytes without space, `:`, `/` (as supervisord has it) and control
    /// characters.
    public static func isProcessName(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F && $0 != ":" && $0 != "/" }
    }
}
