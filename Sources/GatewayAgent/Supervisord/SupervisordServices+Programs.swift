internal import GatewayModel
internal import GatewaySystem

/// Bringing supervisord's programs to what gwe generated. All with `changing` held.
extension SupervisordServices {
    /// Writes the app's program where it differs, makes supervisord read it, and adds or replaces the group.
    /// An app that gwe did not install is taken as it is.
    /// - Parameter changes: what the last reread said, while no file was written since.
    /// - Returns: whether the group is new, or was replaced.
    func put(
        _ app: AppName, _ connection: SupervisordConnection, _ changes: inout SupervisordConnection.Changes?
    ) throws(SupervisordFailure) -> Bool {
        guard let wanted = program(app) else { return false }
        let before = try connection.programs.definition(app)
        if try isWritingNeeded(wanted, of: app, over: before) {
            try refuseSecondCopy(app)
            try makeLogFolders(app)
            try connection.programs.write(wanted, of: app, over: before)
            changes = nil
            do throws(SupervisordFailure) {
                changes = try connection.reload()
            } catch {
                // supervisord would not start again with a file that it cannot read.
                if error.code == SupervisordFailure.Code.cannotReread {
                    try connection.programs.restore(before, of: app)
                    _ = try? connection.reload()
                }
                throw error
            }
        }
        let now: SupervisordConnection.Changes
        if let changes { now = changes } else { now = try connection.reload() }
        changes = now
        return try follow(now, app, connection)
    }

    /// A new group is added, which starts it unless it says `autostart=false`; a changed one is replaced.
    private func follow(
        _ changes: SupervisordConnection.Changes, _ app: AppName, _ connection: SupervisordConnection
    ) throws(SupervisordFailure) -> Bool {
        if changes.added.contains(app.text) {
            try connection.add(app)
            return true
        }
        guard changes.changed.contains(app.text) else { return false }
        try stop(app, connection)
        try connection.drop(app)
        FaultPoint.pass("supervisord.dropped")
        try connection.add(app)
        return true
    }

    /// Whether the file of an app's program was changed by hand, or is missing though the app is to run. A file that gwe
    /// did not write is no drift.
    static func differs(_ program: String, of app: AppName, isWanted: Bool, _ context: GatewayContext) -> Bool {
        let store = ReleaseStore(folders: context.folders)
        let kept = try? AtomicFile.read(store.programPath(app), limit: SupervisordPrograms.byteLimit)
        if kept != Array(program.utf8) { return true }
        guard let connection = try? SupervisordConnection(context),
            let definition = try? connection.programs.definition(app)
        else { return false }
        switch definition {
        case .none: return isWanted
        case .own(let text): return text != program
        case .foreign, .entangled: return false
        }
    }

    private func isWritingNeeded(
        _ wanted: String, of app: AppName,
        over before: SupervisordPrograms.Definition
    ) throws(SupervisordFailure) -> Bool {
        switch before {
        case .none: true
        case .own(let text): text != wanted
        case .foreign(let text): !SupervisordProgram.isEquivalent(wanted, to: text, app: app)
        case .entangled(let why): throw .file(why)
        }
    }

    /// supervisord reads no file that names a log in a folder that is not there.
    private func makeLogFolders(_ app: AppName) throws(SupervisordFailure) {
        for definition in ServiceConfiguration(context: context).definitions(of: [app]) {
            for path in [definition.output.path, definition.errorOutput?.path].compactMap(\.self) {
                guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { continue }
                do throws(SystemError) { _ = try FileTree.makeDirectory(String(path[..<slash])) } catch {
                    throw .file("\(error)")
                }
            }
        }
    }

    /// What the configure step generated.
    private func program(_ app: AppName) -> String? {
        guard let bytes = try? AtomicFile.read(store.programPath(app), limit: SupervisordPrograms.byteLimit) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// An app that gwe's own supervisor left running, before `services` was changed, must not run twice.
    private func refuseSecondCopy(_ app: AppName) throws(SupervisordFailure) {
        let record = ProcessRecord("\(context.folders.runFolder)/\(app)\(ProcessRecord.suffix)")
        guard let record, record.isOfThisBoot, let pid = record.process?.pid else { return }
        throw .file("cannot start \(app): pid \(pid) of it runs under gwe's own supervisor; stop that first")
    }
}
