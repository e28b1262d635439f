internal import GatewayModel
internal import GatewaySystem

/// Apps whose `current` and service definition were written and could not be made durable: the kernel takes what it could not
/// write for clean, and no later sync brings it to the disk. So they are written anew.
struct Unsettled {
    let context: GatewayContext
    let journal: Journal

    fileprivate static let key = "unsettled"

    /// Of which apps something is still not known to be durable, and why.
    struct Trouble: Sendable {
        var apps: Set<AppName>
        var words: String
    }

    /// Writes links and definitions of those apps anew, each with a sync of its own; nothing where there are none.
    /// - Returns: what kept it from that; it is tried again with the next pass, and none of the apps is started before.
    func redo() throws(JournalError) -> Trouble? {
        guard let names = try journal.value(Unsettled.key) else { return nil }
        let apps = names.split(separator: " ").compactMap { AppName(String($0)) }
        let store = ReleaseStore(folders: context.folders)
        do throws(SystemError) {
            for app in apps {
                let link = context.folders.currentLink(of: app)
                if let text = FileTree.linkTarget(link) {
                    // A link that has this text already would be left as it is. One of these may be left by a crash.
                    let target = text.hasPrefix("./") ? String(text.dropFirst(2)) : text
                    try AtomicFile.replaceSymlink(at: link, pointingTo: "./" + target, isDurable: false)
                    try AtomicFile.replaceSymlink(at: link, pointingTo: target)
                }
                for path in [store.programPath(app), store.servicePath(app)] where FileTree.exists(path) {
                    try AtomicFile.write(try AtomicFile.read(path, limit: 1 << 20), to: path, mode: 0o600)
                }
            }
        } catch {
            return Trouble(
                apps: Set(apps), words: "what the last pass wrote is not known to be durable: \(error)")
        }
        try journal.setValue(Unsettled.key, nil, isDurable: false)
        return nil
    }
}

extension Journal {
    /// Notes the apps of passes that did not end whose links or definitions they may have written.
    func noteUnsettledOfInterrupted() throws(JournalError) {
        let rows = try read(
            """
            SELECT DISTINCT app FROM step WHERE step IN (?, ?)
            AND operation IN (SELECT id FROM operation WHERE finished_at IS NULL)
            """, [.text(Step.activate.rawValue), .text(Step.configure.rawValue)])
        let apps = rows.compactMap { $0[0].string.flatMap(AppName.init) }
        guard !apps.isEmpty else { return }
        try write(isDurable: false) { (c: inout DatabaseConnection) throws(DatabaseError) in try c.noteUnsettled(apps) }
    }
}

extension DatabaseConnection {
    /// Notes apps whose names and files are to be written anew (`Unsettled`), beside those that are noted already.
    mutating func noteUnsettled(_ apps: [AppName]) throws(DatabaseError) {
        let known = try query("SELECT value FROM meta WHERE key = ?", [.text(Unsettled.key)]).first?[0].string ?? ""
        let names = Set(known.split(separator: " ").map(String.init)).union(apps.map(\.text))
        try setValue(Unsettled.key, names.sorted().joined(separator: " "))
    }
}
