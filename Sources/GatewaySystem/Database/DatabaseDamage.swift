internal import CSQLite

/// Whether a database that SQLite calls damaged is: a read that failed once looks like damage, too.
public enum DatabaseDamage {
    /// Opens a database once more. Its file counts as damaged only when its bytes can be read as a plain file, twice and the
    /// same, and SQLite refuses them in between.
    /// - Returns: what `open` gave this time; nil when the file is damaged.
    /// - Throws: when the file cannot be read, or reads differently each time. Nothing has been touched.
    public static func lookedAtAgain<Opened>(
        _ path: String, _ open: () throws(DatabaseError) -> Opened
    ) throws(DatabaseError) -> Opened? {
        let first = try digest(path)
        do throws(DatabaseError) { return try open() } catch {
            guard error.isCorrupt else { throw error }
        }
        guard try digest(path) == first else {
            throw DatabaseError(
                "read database", path: path, code: SQLITE_IOERR,
                message: "it reads differently each time; nothing was changed")
        }
        return nil
    }

    private static func digest(_ path: String) throws(DatabaseError) -> String {
        do throws(SystemError) { return try SHA256.hex(ofFile: path) } catch {
            throw DatabaseError(
                "read database", path: path, code: SQLITE_IOERR, message: error.description, systemCode: error.code)
        }
    }
}
