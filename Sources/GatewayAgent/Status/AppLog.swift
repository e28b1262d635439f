public import GatewayModel
internal import Glibc
public import GatewaySystem

/// An app's logs for readers: their ends, and what is appended later, across rotations.
public struct AppLog: Sendable {
    /// One log of an app.
    public struct Stream: Sendable, Hashable {
        /// Which process of the app; nil for the only one.
        public var process: String?
        /// Whether it is standard error, which has a file of its own then.
        public var isError: Bool
        /// The file that is written now; older ones lie beside it.
        public var path: String
        var user: String?
    }

    /// Standard output before standard error, process by process; empty only where no log was joined.
    public let streams: [Stream]

    /// Finds out where the app's output goes. Nobody needs to know the app: then it is the default place.
    public init(of app: AppName, _ context: GatewayContext) { streams = AppLog.streams(of: app, context) }

    /// The logs of several apps, one after the other.
    public init(joining logs: [AppLog]) { streams = logs.flatMap(\.streams) }

    private init(_ streams: [Stream]) { self.streams = streams }

    /// Only those that a condition holds for; nil when there are none.
    public func only(_ condition: (Stream) -> Bool) -> AppLog? {
        let some = streams.filter(condition)
        return some.isEmpty ? nil : AppLog(some)
    }

    /// Where the app's output goes: what its service configuration says, else what its supervisor published, else the
    /// default.
    private static func streams(of app: AppName, _ context: GatewayContext) -> [Stream] {
        // Other users than root may not read the configuration, and that of a removed app is gone.
        let definitions = ServiceConfiguration(context: context).definitions(of: [app])
        let index =
            definitions.isEmpty
            ? LogIndex(app, context.folders.stateFolder) : definitions.reduce(into: LogIndex(app)) { $0.update($1) }
        let found = (index?.entries ?? []).filter { !$0.isOld }.map { entry in
            Stream(process: entry.process, isError: entry.stream == .stderr, path: entry.path, user: index?.user)
        }
        return found.isEmpty ? [Stream(process: nil, isError: false, path: context.folders.logFile(of: app))] : found
    }

    /// Whether the app is installed and its service writes no log at all (`stdout_logfile=NONE`).
    public static func hasNone(_ app: AppName, _ context: GatewayContext) -> Bool {
        let definitions = ServiceConfiguration(context: context).definitions(of: [app])
        return !definitions.isEmpty
            && definitions.allSatisfy { $0.output.path == nil && $0.errorOutput?.path == nil }
    }

    /// Whether anybody knows the app: its logs, its supervisor, or the desired state.
    public static func isKnown(_ app: AppName, _ context: GatewayContext) -> Bool {
        if LogIndex(app, context.folders.stateFolder) != nil || FileTree.exists(context.folders.logFile(of: app)) {
            return true
        }
        return StatusReport.make(context, only: app).exit != .noSuchApp
    }

    private static func reader(_ stream: Stream) -> LogReader {
        LogReader(LogFiles(path: stream.path, owner: stream.user.flatMap { try? UserIdentity($0) }))
    }

    /// The streams that have a log.
    public var present: [Stream] { streams.filter { AppLog.reader($0).exists } }

    /// Why a log cannot be read, in words.
    public var problem: LogTrouble? { streams.lazy.compactMap { AppLog.reader($0).problem() }.first }

    /// Gives away the last lines of each stream, nil all of them, as they are in the files.
    /// - Parameter byteLimit: see `LogReader.tail`.
    public func tail(
        _ lines: Int?, byteLimit: Int64 = .max, to write: (Stream, UnsafeRawBufferPointer) -> Bool
    ) {
        for stream in streams {
            var goesOn = true
            AppLog.reader(stream).tail(lines, byteLimit: byteLimit) { bytes in
                goesOn = write(stream, bytes)
                return goesOn
            }
            if !goesOn { return }
        }
    }

    /// As `tail`, and then what is appended from now on, until `write` says false or nobody reads `output` any more.
    public func follow(_ lines: Int?, output: Int32, to write: (Stream, UnsafeRawBufferPointer) -> Bool) -> String? {
        do throws(SystemError) {
            let follower = try LogFollower(streams.map(AppLog.reader))
            follower.run(lines: lines, output: output) { index, bytes in write(streams[index], bytes) }
            return nil
        } catch {
            return error.description
        }
    }
}
