internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// The files that a buildfile names: `includes` expanded, `excludes` taken out.
///
/// Patterns are those of fnmatch(3), one folder at a time, with `**` for any number of folders; as in a shell, `*` does
/// not match a leading dot. A folder means everything in it, hidden files too. An exclude without `/` leaves out every
/// file and folder of that name; one with `/` is matched against the whole path.
struct PackageFiles {
    /// Absolute.
    let folder: String
    let excludes: [String]
    /// Absolute paths that never belong to a package: the package itself.
    let omitted: Set<String>
    private(set) var entries: [String: TarWriter.Entry] = [:]

    init(folder: String, excludes: [String], omitted: Set<String>) {
        self.folder = folder
        self.excludes = excludes.map { pattern in
            var pattern = pattern[...]
            while pattern.hasPrefix("./") { pattern = pattern.dropFirst(2) }
            while pattern.hasSuffix("/") { pattern = pattern.dropLast() }
            return String(pattern)
        }
        self.omitted = omitted
    }

    /// - Returns: whether anything matches. A file that is not shipped is noticed too late, so this is to be looked at.
    mutating func include(_ pattern: String) throws -> Bool {
        try expand(pattern.split(separator: "/").filter { $0 != "." }[...], from: "")
    }

    /// - Returns: whether anything matched.
    private mutating func expand(_ parts: ArraySlice<Substring>, from base: String) throws -> Bool {
        guard let part = parts.first else {
            try add(base)
            return true
        }
        let rest = parts.dropFirst()
        let exact = join(base, String(part))
        if FileTree.exists(absolute(exact)) { return try expand(rest, from: exact) }
        guard part.contains(where: { "*?[".contains($0) }), try FileTree.kind(absolute(base)) == .directory else {
            return false
        }
        var hasMatch = false
        if part == "**" { hasMatch = try expand(rest, from: base) }
        for name in try FileTree.list(absolute(base)) {
            let path = join(base, name)
            if part == "**" {
                guard !name.hasPrefix("."), try FileTree.kind(absolute(path)) == .directory else { continue }
                if try expand(parts, from: path) { hasMatch = true }
            } else if fnmatch(String(part), name, FNM_PERIOD) == 0, try expand(rest, from: path) {
                hasMatch = true
            }
        }
        return hasMatch
    }

    private mutating func add(_ path: String) throws {
        let absolutePath = absolute(path)
        guard !omitted.contains(absolutePath), !isExcluded(path) else { return }
        var status = stat()
        guard lstat(absolutePath, &status) == 0 else { throw SystemError.last("examine \(absolutePath)") }
        let content: TarWriter.Entry.Content
        switch status.st_mode & S_IFMT {
        case S_IFREG: content = .file(absolutePath)
        case S_IFLNK: content = .symlink(target: FileTree.linkTarget(absolutePath) ?? "")
        case S_IFDIR:
            for name in try FileTree.list(absolutePath) { try add(join(path, name)) }
            if path.isEmpty { return }
            content = .directory
        default: throw PackageBuildError.specialFile(absolutePath)
        }
        let mode = Self.normalized(UInt32(status.st_mode), isFolder: content == .directory)
        entries[path] = TarWriter.Entry(path: path, content: content, mode: mode)
    }

    /// 0755 or 0644, and 0700 or 0600 for what only its owner could read: a check-out's umask must not change the bytes.
    private static func normalized(_ mode: UInt32, isFolder: Bool) -> UInt32 {
        let isExecutable = isFolder || mode & 0o100 != 0
        let isPrivate = mode & 0o077 == 0
        return (isExecutable ? 0o755 : 0o644) & (isPrivate ? 0o700 : 0o777)
    }

    private func isExcluded(_ path: String) -> Bool {
        let names = path.split(separator: "/")
        return excludes.contains { pattern in
            guard pattern.contains("/") else { return names.contains { fnmatch(pattern, String($0), 0) == 0 } }
            return names.indices.contains { index in
                fnmatch(pattern, names[...index].joined(separator: "/"), 0) == 0
            }
        }
    }

    private func absolute(_ path: String) -> String { path.isEmpty ? folder : folder + "/" + path }
    private func join(_ base: String, _ name: String) -> String { base.isEmpty ? name : base + "/" + name }
}
