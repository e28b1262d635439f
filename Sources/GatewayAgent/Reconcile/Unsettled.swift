internal import GatewayModel
internal import GatewaySystem

/// Apps whose `current` and service definition were written and could not be made durable: the kernel takes what it could not
/// write for clean, and no later sync brings it to the disk. So they are written anew.
struct Unsettled {
    let context: GatewayContext
    let journal: Journal

    fileprivate static let key = "unsettled"

    /// Writes links and definitions of those apps anew, each with a sync of its own; nothing where there are none.
    /// - Returns: what kept it from that, in words; it is tried again with the next pass.
    func redo() throws(JournalError) -> String? {
        guard let names = try journal.value(Unsettled.key) else { return nil }
        let store = ReleaseStore(folders: context.folders)
        do throws(SystemError) {
            for app in names.split(separator: " ").compactMap({ AppName(String($0)) }) {
                let link = context.folders.currentLink(of: app)
                if let target = FileTree.linkTarget(link) {
                    // A link that has this text already would be left as it is.
                    try AtomicFile.replaceSymlink(at: link, pointingTo: "./" + target, isDurable: false)
                    try AtomicFile.replaceSymlink(at: link, pointingTo: target)
                }
                for path in [store.programPath(app), store.servicePath(app)] where FileTree.exists(path) {
                    try AtomicFile.write(try AtomicFile.read(path, limit: 1 << 20), to: path, mode: 0o600)
                }
            }
        } catch {
            return "what the last pass wrote is not known to be durable: \(error)"
        }
        try journal.setValue(Unsettled.key, nil, isDurable: false)
        return nil
    }

    /// After a pass that was ended by a crash: what it wrote is still there, and becomes durable now.
    func sync() throws(JournalError) {
        do throws(SystemError) { try FileTree.syncFileSystem(containing: context.folders.stateFolder) } catch {
            let names = try journal.apps().keys.sorted()
            try journal.write(isDurable: false) { (c: inout DatabaseConnection) throws(DatabaseError) in
                try c.noteUnsettled(names)
            }
        }
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
