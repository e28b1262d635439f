internal import Documents

/// Version, artifact, digest and size: one unit (D1).
struct ReleaseReader {
    let app: AppName
    /// Only what gwe itself stored may name the run of an install command.
    let allowsRun: Bool

    func read(_ fields: Fields) -> ReleaseWish? {
        let artifact = fields.field("artifact")
        guard let versionField = fields.field("version") else {
            artifact?.problems.report(
                "an artifact needs the version beside it", at: artifact?.keyMark, path: artifact?.path ?? .root)
            return nil
        }
        let version = versionField.version()
        var wish: ReleaseWish?
        if let artifact {
            wish = read(artifact, version: version)
        } else if let version {
            wish = ReleaseWish(version: version, location: .content(PackageName(name: app, version: version).fileName))
        }
        if allowsRun, let run = fields.field("run")?.integer(in: 0...Field.largestInteger) { wish?.commandNumber = run }
        return wish
    }

    private func read(_ artifact: Field, version: Version?) -> ReleaseWish? {
        guard let fields = Fields(artifact, keys: ["content", "url", "path", "sha256", "size"]) else { return nil }
        let given = ["content", "url", "path"].filter { fields.field($0) != nil }
        if given.count > 1 {
            fields.report("expected one of content, url and path, found \(given.joined(separator: " and "))")
        }
        // Every key is read, so that all its errors are told; only one may give the place.
        var locations: [ArtifactLocation] = []
        if let name = fields.field("content").flatMap({ contentName($0, version: version) }) {
            locations.append(.content(name))
        }
        if let url = fields.field("url")?.httpURL() { locations.append(.url(url)) }
        if let path = fields.field("path")?.filePath(absolute: true) { locations.append(.path(path)) }
        let sha256 = fields.field("sha256")?.digest()
        let size = fields.field("size")?.integer(in: 1...Field.largestInteger)
        guard let version else { return nil }
        if given.isEmpty { locations = [.content(PackageName(name: app, version: version).fileName)] }
        return locations.first.map { ReleaseWish(version: version, location: $0, sha256: sha256, size: size) }
    }

    /// A name in the product's content area. The name of this app's package at another version is a slip.
    private func contentName(_ field: Field, version: Version?) -> String? {
        guard let text = field.string("a name in the content area") else { return nil }
        let isPlain = !text.unicodeScalars.contains { $0 == "/" || $0 != "\u{20}" && DocumentText.isNeverMeant($0) }
        guard isPlain, (1...255).contains(text.unicodeScalars.count), text != ".", text != ".." else {
            field.report(
                "expected a name in the content area, without / and control characters, found \(field.node.found)")
            return nil
        }
        if let version, let package = try? PackageName.parse(text), package.name == app, package.version != version {
            field.report("this is version \(package.version) of \(app), but the version beside it is \(version)")
            return nil
        }
        return text
    }
}
