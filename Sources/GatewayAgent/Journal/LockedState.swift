internal import GatewayModel
internal import GatewaySystem

/// The state folder, locked, with its journal open: what a pass that writes needs.
final class LockedState: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var exit: ExitStatus
        var description: String
        /// Who has the lock.
        var holder: FileLock.Holder?
    }

    let lock: StateLock
    let journal: Journal

    /// Creates the state folder if it is missing. An unwritable folder or journal fails here, before anything else is
    /// touched.
    /// - Parameters:
    ///   - inherited: the lock, where this process has it already.
    ///   - mayBeUnwritable: goes on where the folder is read-only or full, for a daemon whose apps are to run all the same.
    ///     `Journal.trouble` says so then, until `Journal.becomeWritable` succeeds.
    ///   - isNamedLater: see `StateLock.acquire`.
    init(
        context: GatewayContext, purpose: String, lock inherited: StateLock? = nil, isNamedLater: Bool = false,
        mayBeUnwritable: Bool = false
    ) throws(Failure) {
        let folders = context.folders
        do throws(SystemError) {
            for folder in [folders.stateFolder, folders.releasesFolder, folders.downloadsFolder] {
                _ = try FileTree.makeDirectory(folder)
                FaultPoint.pass("state.folder")
            }
            PrivateFile.closeFolder(folders.stateFolder)
        } catch {
            // What is there is enough to run the apps.
            guard mayBeUnwritable, error.isUnwritableStorage, FileTree.exists(folders.stateFolder) else {
                let exit: ExitStatus =
                    error.isNoSpace ? .noSpace : error.isNotPermitted ? .notPermitted : .cannotCreate
                throw Failure(exit: exit, description: "\(error)")
            }
        }
        do throws(FileLock.Failure) {
            if let inherited {
                lock = inherited
            } else {
                lock = try StateLock.acquire(
                    folders.stateFolder, purpose: purpose, isNamedLater: isNamedLater,
                    mayBeUnwritable: mayBeUnwritable)
            }
        } catch {
            if case .held(_, let holder) = error {
                throw Failure(exit: .tryLater, description: "\(error)", holder: holder)
            }
            guard case .system(let failure) = error, failure.isNoSpace else {
                throw Failure(exit: .notPermitted, description: "\(error)")
            }
            throw Failure(exit: .noSpace, description: "\(error)")
        }
        FaultPoint.pass("state.locked")
        // A check of a package that was interrupted; nobody else is checking one now.
        try? FileTree.emptyTrash(in: folders.releasesFolder)
        LockedState.closeFiles(folders)
        do throws(JournalError) {
            journal = try LockedState.journal(context, mayBeUnwritable: mayBeUnwritable)
            journal.reserve?.make()
            FaultPoint.pass("journal.open")
        } catch {
            let exit: ExitStatus = error.isUnwritable && error.exit == .inputOutputError ? .cannotCreate : error.exit
            throw Failure(exit: exit, description: error.description)
        }
    }

    private static func journal(
        _ context: GatewayContext, mayBeUnwritable: Bool
    ) throws(JournalError) -> Journal {
        do throws(JournalError) {
            let journal = try Journal.open(folders: context.folders, clock: context.clock)
            try context.settleTimes(in: journal)
            return journal
        } catch {
            guard mayBeUnwritable, error.isUnwritable || error.isNoSpace else { throw error }
            let journal = try Journal.openUnwritable(
                folders: context.folders, clock: context.clock, because: error.unwritable(context.folders.stateFolder))
            try context.learnTime(from: journal)
            return journal
        }
    }

    /// What only gwe reads is closed to others also where an earlier version, a copy or a hand left it open to them.
    private static func closeFiles(_ folders: Folders) {
        for path in [folders.journalFile, folders.usageFile] {
            PrivateFile.close(path)
            PrivateFile.close(path + "-journal")
            PrivateFile.close(path + "-redo")
        }
        let services = folders.stateFolder + "/services"
        for name in (try? FileTree.list(services)) ?? [] { PrivateFile.close("\(services)/\(name)") }
    }
}
