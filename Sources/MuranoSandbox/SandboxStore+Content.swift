internal import GatewaySystem
internal import Glibc

/// A file in the product's content area.
public struct SandboxContent: Sendable, Hashable {
    /// The name under which devices ask for it.
    public var name: String
    /// The media type that it was uploaded with.
    public var type: String
    /// Its size in bytes.
    public var byteCount: Int64
    /// Seconds since 1970. A replacement is always later than what it replaces.
    public var updated: Int64
    /// The text that was uploaded with it, the fourth field of its information; empty for none.
    public var meta: String
    /// The file's own name, new with each upload: what a strong validator needs.
    var file: String
}

extension SandboxStore {
    func path(of content: SandboxContent) -> String { "\(folder)/content/\(content.file)" }

    /// A path for an upload on its way in.
    func spoolPath() -> String { "\(folder)/content/upload-\(UInt64.random(in: .min ... .max))" }

    /// Takes a file over by renaming it; replaces the content of that name.
    func addContent(_ name: String, type: String, meta: String, from path: String) throws -> SandboxContent {
        guard SandboxStore.isName(name) else { throw SandboxError.badName(name) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemError.last("read \(path)") }
        let file = "\(now()).bin"
        guard rename(path, "\(folder)/content/\(file)") == 0 else { throw SystemError.last("rename \(path)") }
        let byteCount = Int64(status.st_size)
        let seconds = Int64(time(nil))
        let (content, old) = try database.transaction { (connection) throws(DatabaseError) in
            let rows = try connection.query("SELECT file, updated_s FROM content WHERE name = ?1", [.text(name)])
            let updated = max(seconds, (rows.first?[1].int ?? 0) + 1)
            try connection.execute(
                "INSERT OR REPLACE INTO content (name, file, type, byte_count, updated_s, meta) VALUES (?1,?2,?3,?4,?5,?6)",
                [.text(name), .text(file), .text(type), .integer(byteCount), .integer(updated), .text(meta)])
            let content = SandboxContent(
                name: name, type: type, byteCount: byteCount, updated: updated, meta: meta, file: file)
            return (content, rows.first?[0].string)
        }
        // Downloads under way keep the old file open.
        if let old { unlink("\(folder)/content/\(old)") }
        return content
    }

    func contents() throws -> [SandboxContent] {
        try database.query("SELECT * FROM content ORDER BY name").map(SandboxStore.content)
    }

    func content(_ name: String) throws -> SandboxContent? {
        try database.query("SELECT * FROM content WHERE name = ?1", [.text(name)]).first.map(SandboxStore.content)
    }

    func deleteContent(_ name: String) throws {
        guard let content = try content(name) else { throw SandboxError.noSuchContent(name) }
        try database.execute("DELETE FROM content WHERE name = ?1", [.text(name)])
        unlink(path(of: content))
    }

    private static func content(_ row: Row) -> SandboxContent {
        SandboxContent(
            name: row["name"].string ?? "", type: row["type"].string ?? "", byteCount: row["byte_count"].int ?? 0,
            updated: row["updated_s"].int ?? 0, meta: row["meta"].string ?? "", file: row["file"].string ?? "")
    }

    /// Removes what a kill in the middle of an upload or a replacement left behind.
    func removeStrayContent() throws {
        let known = Set(try contents().map(\.file))
        for name in (try? FileTree.list(folder + "/content")) ?? [] where !name.hasPrefix(".") && !known.contains(name)
        {
            unlink("\(folder)/content/\(name)")
        }
    }
}
