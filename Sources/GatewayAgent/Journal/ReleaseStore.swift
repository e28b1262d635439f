internal import GatewayModel
internal import GatewaySystem

/// The folder `releases/`: how releases are named, and what of them is there.
///
/// `<app>/<version>-<digest8>/` is a release, `<app>/<version>-<digest8>.inventory` says what belongs to it,
/// `<app>/current` is the one in force, `<app>/.staging` is being unpacked. A second release of the same content, made
/// by a repair, gets `+1`.
struct ReleaseStore: Sendable {
    let folders: Folders

    static let staging = ".staging"
    private static let inventorySuffix = ".inventory"

    /// The names in an app's folder, between passes, of what was being unpacked or removed: a power cut may have taken what
    /// the journal had of it. An inventory is written before its release gets its name.
    /// - Parameter known: the folders that the journal knows.
    func leftovers(_ app: AppName, known: Set<String>) -> [String] {
        let names = (try? FileTree.list(folders.releasesFolder(of: app))) ?? []
        return names.filter { name in
            if name == ReleaseStore.staging || name.hasPrefix(FileTree.trashPrefix) { return true }
            guard name.hasSuffix(ReleaseStore.inventorySuffix) else { return false }
            let folder = String(name.dropLast(ReleaseStore.inventorySuffix.count))
            return !known.contains(folder) && !names.contains(folder)
        }
    }

    func path(_ app: AppName, _ folder: String) -> String { "\(folders.releasesFolder(of: app))/\(folder)" }
    func inventoryPath(_ app: AppName, _ folder: String) -> String { path(app, folder) + ReleaseStore.inventorySuffix }
    func stagingPath(_ app: AppName) -> String { path(app, ReleaseStore.staging) }
    func artifactPath(_ name: String) -> String { "\(folders.downloadsFolder)/\(name)" }
    func servicePath(_ app: AppName) -> String { "\(folders.stateFolder)/services/\(app).json" }
    /// The program that supervisord gets, where it supervises; see `SupervisordProgram`.
    func programPath(_ app: AppName) -> String { "\(folders.stateFolder)/services/\(app).conf" }

    /// A folder name that neither the journal nor the disk uses.
    func freeFolder(_ app: AppName, version: Version, digest: Digest, taken: Set<String>) -> String {
        let name = "\(version)-\(digest.short)"
        var candidate = name
        var number = 1
        while taken.contains(candidate) || FileTree.exists(path(app, candidate)) {
            candidate = "\(name)+\(number)"
            number += 1
        }
        return candidate
    }

    /// The file name of a wish's artifact: one per app, version, digest and form.
    func artifactName(_ app: AppName, _ wish: ReleaseWish) -> String {
        let source =
            switch wish.location {
            case .content(let text), .path(let text): text
            case .url(let text): String(text.split(separator: "?").first ?? "")
            }
        let form = [".tar.zst", ".tar.xz"].first { source.hasSuffix($0) } ?? ".tar.gz"
        return "\(app).v\(wish.version)" + (wish.sha256.map { "-\($0.short)" } ?? "") + form
    }

    /// What a package is, by the files at its root.
    func kind(ofReleaseAt path: String, hasService: Bool) -> ReleaseKind {
        if hasService || FileTree.exists(path + "/supervisor.conf") { return .service }
        return FileTree.exists(path + "/install.sh") ? .oneOff : .library
    }

    /// Whether installing runs a program of the package.
    func hasInstaller(_ app: AppName, _ folder: String) -> Bool {
        ["install.sh", "setup.py"].contains { FileTree.exists("\(path(app, folder))/\($0)") }
    }

    /// The releases that `current` points at and whose inventory can be read: what a lost journal is rebuilt from.
    func scan() -> [ReleaseRecord] {
        let names = (try? FileTree.list(folders.releasesFolder)) ?? []
        return names.sorted().compactMap { name in
            guard let app = AppName(name), let target = FileTree.linkTarget(folders.currentLink(of: app)),
                let folder = target.split(separator: "/").last.map(String.init),
                let inventory = try? Inventory.read(inventoryPath(app, folder))
            else { return nil }
            return record(app, folder: folder, from: inventory)
        }
    }

    private func record(_ app: AppName, folder: String, from inventory: Inventory) -> ReleaseRecord? {
        guard inventory.release.app == app.text, let version = Version(stored: inventory.release.version),
            let digest = Digest(inventory.release.artifactDigest)
        else { return nil }
        let path = path(app, folder)
        let package = try? AppYAML.load(releaseFolder: path)
        let hasService = package?.service != nil || FileTree.exists(servicePath(app))
        let artifact = keptArtifact(app, version, digest) ?? ""
        let release = InstalledRelease(
            version: version, digest: digest, folder: folder, kind: kind(ofReleaseAt: path, hasService: hasService),
            artifactByteCount: FileTree.byteCount(ofFile: artifactPath(artifact)) ?? 0,
            unpackedByteCount: inventory.byteCount)
        return ReleaseRecord(
            app: app, installed: release, artifact: artifact, inventory: inventory.digest, state: .installed, bootID: ""
        )
    }

    /// The artifact of a release by its name; whether the content is still right is looked at when it is used.
    private func keptArtifact(_ app: AppName, _ version: Version, _ digest: Digest) -> String? {
        for form in [".tar.gz", ".tar.zst", ".tar.xz"] {
            for name in ["\(app).v\(version)-\(digest.short)\(form)", "\(app).v\(version)\(form)"]
            where FileTree.byteCount(ofFile: artifactPath(name)) != nil { return name }
        }
        return nil
    }
}
