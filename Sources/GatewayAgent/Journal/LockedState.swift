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

    let lock: FileLock
    let journal: Journal

    /// Creates the state folder if it is missing. An unwritable folder or journal fails here, before anything else is
    /// touched.
    /// - Parameter inherited: the lock, where this process has it already.
    init(context: GatewayContext, purpose: String, lock inherited: FileLock? = nil) throws(Failure) {
        let folders = context.folders
        do throws(SystemError) {
            for folder in [folders.stateFolder, folders.releasesFolder, folders.downloadsFolder] {
                _ = try FileTree.makeDirectory(folder)
                FaultPoint.pass("state.folder")
            }
        } catch {
            let exit: ExitStatus = error.isNoSpace ? .noSpace : error.isNotPermitted ? .notPermitted : .cannotCreate
            throw Failure(exit: exit, description: "\(error)")
        }
        do throws(FileLock.Failure) {
            if let inherited {
                lock = inherited
            } else {
                lock = try FileLock.acquire(folders.lockFile, purpose: purpose)
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
        do throws(JournalError) {
            journal = try Journal.open(folders: folders, clock: context.clock)
            try context.settleTimes(in: journal)
            journal.reserve?.make()
            FaultPoint.pass("journal.open")
        } catch {
            let exit: ExitStatus = error.isUnwritable && error.exit == .inputOutputError ? .cannotCreate : error.exit
            throw Failure(exit: exit, description: error.description)
        }
    }
}
