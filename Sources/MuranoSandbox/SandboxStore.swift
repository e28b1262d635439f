internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// Everything that the stand-in cloud remembers: a SQLite file, with the bytes of contents in files beside it.
///
/// It survives a kill at any moment; after a power cut the last moments may be lost, for nothing is synced.
final class SandboxStore: Sendable {
    let database: Database
    let folder: String
    private let lastTime: Lock<Int64>

    private static let schema = """
        CREATE TABLE devices (
            id TEXT PRIMARY KEY, state TEXT NOT NULL, token TEXT UNIQUE, added_us INTEGER NOT NULL, password TEXT);
        CREATE TABLE resources (
            device TEXT NOT NULL REFERENCES devices ON DELETE CASCADE, name TEXT NOT NULL,
            reported, reported_us INTEGER, set_value, set_us INTEGER, PRIMARY KEY (device, name));
        CREATE TABLE records (
            device TEXT NOT NULL REFERENCES devices ON DELETE CASCADE, name TEXT NOT NULL,
            at_us INTEGER NOT NULL, value NOT NULL, PRIMARY KEY (device, name, at_us));
        CREATE TABLE content (
            name TEXT PRIMARY KEY, file TEXT NOT NULL, type TEXT NOT NULL, byte_count INTEGER NOT NULL,
            updated_s INTEGER NOT NULL, meta TEXT NOT NULL);
        CREATE TABLE requests (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, device TEXT, method TEXT NOT NULL,
            path TEXT NOT NULL, status INTEGER NOT NULL, request_byte_count INTEGER NOT NULL,
            sent_byte_count INTEGER NOT NULL, range TEXT);
        PRAGMA user_version = 2;
        """

    /// Opens or creates the store under a folder, which is made with its parents if it is missing.
    init(folder: String) throws {
        let path = folder + "/content"
        let ends = path.indices.filter { path[$0] == "/" && $0 != path.startIndex } + [path.endIndex]
        for part in ends.map({ String(path[..<$0]) }) where mkdir(part, 0o755) != 0 && errno != EEXIST {
            throw SystemError.last("make folder \(part)")
        }
        self.folder = folder
        database = try Database(path: folder + "/sandbox.db")
        try database.executeScript("PRAGMA synchronous = OFF")
        switch try database.userVersion() {
        case 0:
            try database.transaction { (connection) throws(DatabaseError) in
                try connection.executeScript(SandboxStore.schema)
            }
        case 1:
            try database.executeScript("ALTER TABLE devices ADD COLUMN password TEXT; PRAGMA user_version = 2")
        case 2: break
        case let version: throw SandboxError.unknownSchema(folder: folder, version: version)
        }
        let latest = try database.query(
            "SELECT max(coalesce(max(reported_us), 0), coalesce(max(set_us), 0)) FROM resources")
        // A record may bear a time to come; the clock does not follow it.
        lastTime = Lock(min(latest.first?[0].int ?? 0, SandboxStore.clock()))
        try removeStrayContent()
    }

    /// Microseconds since 1970, each value given once and later than the one before.
    func now() -> Int64 {
        lastTime.withLock { last in
            last = max(last + 1, SandboxStore.clock())
            return last
        }
    }

    private static func clock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// Values are text where they are UTF-8, so that `sqlite3` shows them, and bytes elsewhere.
    static func value(_ bytes: [UInt8]) -> SQLValue {
        String(validating: bytes, as: UTF8.self).map(SQLValue.text) ?? .blob(bytes)
    }

    static func bytes(_ value: SQLValue) -> [UInt8]? {
        value.string.map { Array($0.utf8) } ?? value.bytes
    }
}

/// What the stand-in cloud refuses.
public enum SandboxError: Error, Sendable, Hashable, CustomStringConvertible {
    case noSuchDevice(String)
    case noSuchContent(String)
    case deviceExists(String)
    case badName(String)
    case inUse(folder: String)
    case unknownSchema(folder: String, version: Int)
    case needsCertificate(String)
    case badCertificate(String)

    /// `cannot …: …`, one line for people.
    public var description: String {
        switch self {
        case .noSuchDevice(let id): "cannot find device \(id): it was never added"
        case .noSuchContent(let name): "cannot find content \(name): it was never uploaded"
        case .deviceExists(let id): "cannot add device \(id): it exists"
        case .badName(let name):
            "cannot accept name '\(name)': expected 1 to 255 bytes, no slash and no control character"
        case .inUse(let folder): "cannot use folder \(folder): another murano-sandbox serves it"
        case .unknownSchema(let folder, let version):
            "cannot use folder \(folder): its database has schema \(version), expected 1 or 2"
        case .needsCertificate(let what): "cannot serve \(what): it needs a certificate and its key"
        case .badCertificate(let reason): "cannot \(reason)"
        }
    }
}
