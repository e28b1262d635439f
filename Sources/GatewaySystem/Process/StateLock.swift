internal import Glibc

/// The lock of a state folder: `lock` in it, and where that cannot be written also one in memory beside the sockets that
/// are there (`RunFolders`), which then names the holder.
///
/// On storage that went read-only a lock can still be held: flock(2) takes a descriptor that only reads. Where there is no
/// file to lock, the one in memory is the lock.
public final class StateLock: Sendable {
    private let main: FileLock?
    private let spare: FileLock?
    /// Why the state folder takes no writes; nil where it does.
    public let trouble: SystemError?

    private init(main: FileLock?, spare: FileLock?, trouble: SystemError?) {
        self.main = main
        self.spare = spare
        self.trouble = trouble
    }

    private static let name = "lock"

    /// The file in the state folder.
    public static func path(_ stateFolder: String) -> String { "\(stateFolder)/\(name)" }

    private static func sparePath(_ stateFolder: String) -> String {
        RunFolders(stateFolder: stateFolder).spare + "/" + name
    }

    /// Takes the lock. Does not wait for a holder.
    /// - Parameters:
    ///   - purpose: one word on what the holder does, for those who find it locked.
    ///   - isNamedLater: writes nothing until `write`: what does nothing is to write nothing.
    ///   - mayBeUnwritable: takes it also where the state folder cannot be written; `trouble` then says why.
    public static func acquire(
        _ stateFolder: String, purpose: String, isNamedLater: Bool = false, mayBeUnwritable: Bool = false
    ) throws(FileLock.Failure) -> StateLock {
        do throws(FileLock.Failure) {
            let main = try FileLock.acquire(path(stateFolder), purpose: isNamedLater ? nil : purpose)
            // Who came while the folder was read-only and had no lock file.
            if let holder = try? FileLock.probe(sparePath(stateFolder)) {
                throw .held(path: sparePath(stateFolder), by: holder)
            }
            return StateLock(main: main, spare: nil, trouble: nil)
        } catch {
            guard mayBeUnwritable, case .system(let trouble) = error, trouble.isUnwritableStorage else {
                throw error
            }
            return try unwritable(stateFolder, purpose, trouble)
        }
    }

    /// Writes down who holds the lock, where that was left for later.
    public func write(purpose: String) { main?.write(purpose: purpose) }

    private static func unwritable(
        _ stateFolder: String, _ purpose: String, _ trouble: SystemError
    ) throws(FileLock.Failure) -> StateLock {
        var main: FileLock?
        do throws(FileLock.Failure) { main = try FileLock.acquireUnwritable(path(stateFolder)) } catch {
            // None is there, and none can be made: the one in memory is the lock.
            guard case .system(let failure) = error, failure.code == ENOENT else { throw named(error, stateFolder) }
        }
        let spare = try inMemory(stateFolder, purpose)
        return StateLock(main: main, spare: spare, trouble: trouble)
    }

    private static func inMemory(_ stateFolder: String, _ purpose: String) throws(FileLock.Failure) -> FileLock {
        do throws(SystemError) { _ = try RunFolders(stateFolder: stateFolder).makeSpareFolder() } catch {
            throw .system(error)
        }
        return try FileLock.acquire(sparePath(stateFolder), purpose: purpose)
    }

    /// With the name that the holder has written elsewhere.
    private static func named(_ failure: FileLock.Failure, _ stateFolder: String) -> FileLock.Failure {
        guard case .held(let path, let holder) = failure, holder.purpose.isEmpty,
            let named = try? FileLock.probe(sparePath(stateFolder)), !named.purpose.isEmpty
        else { return failure }
        return .held(path: path, by: named)
    }

    /// Who holds the lock now; nil if nobody does. Changes nothing on disk and makes no file.
    /// - Throws: where the file may not be read; `isHeld` may still tell.
    public static func probe(_ stateFolder: String) throws(SystemError) -> FileLock.Holder? {
        guard let holder = try FileLock.probe(path(stateFolder)) else {
            return (try? FileLock.probe(sparePath(stateFolder))) ?? nil
        }
        guard holder.purpose.isEmpty, let named = try? FileLock.probe(sparePath(stateFolder)) else { return holder }
        return named
    }

    /// Whether somebody holds the lock, as far as it can be told also by those who may not read the file.
    public static func isHeld(_ stateFolder: String) -> Bool {
        do throws(SystemError) { return try probe(stateFolder) != nil } catch {
            return FileLock.isListed(path(stateFolder))
        }
    }

    /// Whether the file in the state folder still is the one that is locked; false once the folder was removed, or another
    /// one has taken its place. True where the lock is in memory alone, and where it cannot be looked at: storage that
    /// fails is no folder that was removed.
    public func isInPlace(_ stateFolder: String) -> Bool {
        guard let main else { return true }
        var (held, named) = (stat(), stat())
        guard fstat(main.heldDescriptor, &held) == 0 else { return true }
        guard lstat(StateLock.path(stateFolder), &named) == 0 else { return errno != ENOENT && errno != ENOTDIR }
        return held.st_dev == named.st_dev && held.st_ino == named.st_ino
    }

    /// The descriptor that holds the lock, for whoever hands it on through exec; it stays this object's.
    public var heldDescriptor: Int32 { main?.heldDescriptor ?? spare?.heldDescriptor ?? -1 }

    /// Takes over a lock that this process held before it executed itself anew. nil when the descriptor is no such lock: it
    /// is left alone.
    public static func inherit(_ descriptor: Int32, _ stateFolder: String, purpose: String) -> StateLock? {
        if let main = FileLock.inherit(descriptor, of: path(stateFolder)) {
            if main.isNamed { return StateLock(main: main, spare: nil, trouble: nil) }
            let trouble = SystemError("write lock \(path(stateFolder))", code: EROFS)
            return StateLock(main: main, spare: try? inMemory(stateFolder, purpose), trouble: trouble)
        }
        guard let spare = FileLock.inherit(descriptor, of: sparePath(stateFolder)) else { return nil }
        return StateLock(
            main: nil, spare: spare, trouble: SystemError("open lock \(path(stateFolder))", code: EROFS))
    }
}
