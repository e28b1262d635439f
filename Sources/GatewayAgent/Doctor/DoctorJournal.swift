internal import GatewayModel
internal import GatewaySystem
internal import Glibc

extension DoctorCheck {
    /// SQLite's own check, the schema, and whether each inventory is the one that was written down.
    static let journal = DoctorCheck(
        id: "journal", subject: "the install journal and the inventories", limit: .seconds(8)
    ) { scene in
        let path = scene.folders.journalFile
        if access(path, R_OK) != 0, errno == EACCES { return .skipped("not permitted to read \(path)") }
        let isLost = FileTree.byteCount(ofFile: path).map { $0 == 0 } ?? !FileTree.exists(path)
        if isLost {
            let releases = ReleaseStore(folders: scene.folders).scan().count
            guard releases > 0 else { return .ok("none yet: nothing is installed") }
            return .warning(
                "\(path) is lost, \(releases) releases are there",
                hint: "the next pass rebuilds it from them: gwe reconcile")
        }
        do {
            let database = try Database(path: path, mode: .readOnly, busyTimeout: .seconds(2))
            let version = try database.userVersion()
            guard version <= JournalSchema.version else {
                return .failed(
                    "\(path) was written by a newer gwe (schema \(version), this one knows \(JournalSchema.version))",
                    hint: "use that gwe again, or the one after it")
            }
            let problems = try database.query("PRAGMA quick_check(3)").compactMap { $0[0].string }
            guard problems == ["ok"] else {
                return .failed("\(path) is damaged: \(problems.joined(separator: "; "))", hint: DoctorCheck.rebuild)
            }
            if let notice = database.redoNotice {
                return .warning(notice, hint: "the next pass moves it aside and goes on: gwe reconcile")
            }
            guard version > 0 else { return .ok("empty: no pass has come to its end yet") }
            return try inventories(Journal(database: database, clock: scene.clock), scene)
        } catch let error as DatabaseError {
            if error.isBusy { return .warning("a pass writes just now", hint: "look again when it has ended") }
            return .failed("\(error)", hint: error.isCorrupt ? DoctorCheck.rebuild : nil)
        } catch {
            return .failed("\(error)")
        }
    }

    private static let rebuild = "the next pass moves it aside and rebuilds it from the releases: gwe reconcile"

    private static func inventories(_ journal: Journal, _ scene: DoctorScene) throws -> DoctorFinding {
        let store = ReleaseStore(folders: scene.folders)
        let apps = try journal.apps().values.sorted { $0.name.text < $1.name.text }
        var wrong: [String] = []
        for app in apps {
            guard let current = app.current else { continue }
            let inventory = try? Inventory.read(store.inventoryPath(current.app, current.installed.folder))
            if inventory?.digest != current.inventory { wrong.append(app.name.text) }
        }
        guard wrong.isEmpty else {
            return .failed(
                "the inventory of \(wrong.joined(separator: ", ")) is missing or not the one that was written down",
                hint: "the next pass repairs it: gwe reconcile")
        }
        return .ok("whole, \(apps.count) \(apps.count == 1 ? "app" : "apps")")
    }

    /// What waits to be sent. More than 64 MiB warns.
    static let queue = DoctorCheck(id: "queue", subject: "data that waits to be sent") { scene in
        let folder = scene.folders.queueFolder
        guard FileTree.exists(folder) else { return .ok("no queue") }
        let names: [String]
        do throws(SystemError) { names = try FileTree.list(folder) } catch {
            return error.isNotPermitted ? .skipped("not permitted: \(error)") : .failed("\(error)")
        }
        let byteCount = names.reduce(Int64(0)) {
            $0 + (FileTree.byteCount(ofFile: "\(folder)/\($1)").map { Int64($0) } ?? 0)
        }
        guard byteCount > 0 else { return .ok("empty") }
        let words = "\(byteCount >> 10) KiB in \(names.count) files"
        guard byteCount > 64 << 20 else { return .ok(words) }
        return .warning(words, hint: "is the cloud reachable, and fast enough for what the apps write?")
    }
}
