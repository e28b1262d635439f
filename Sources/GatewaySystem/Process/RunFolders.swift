internal import Glibc

/// Where the records and pipes of running processes are: in a folder of the state folder, or, while that is full, read-only
/// or broken, in memory: `/run/gwe/<key>`, or for other users than root `/dev/shm/gwe-<uid>/<key>`. An agent that comes later
/// looks in both, so that no process is started twice because a disk was full. What is in memory is lost at a reboot, and so
/// are the processes.
public struct RunFolders: Sendable, Hashable {
    /// Below the state folder.
    public let main: String
    /// In memory; made when it is needed.
    public let spare: String
    private let spareParent: String

    /// - Parameter memory: where the spare folder is made; nil is the usual place.
    public init(stateFolder: String, memory: String? = nil) {
        main = "\(stateFolder)/run"
        spareParent = memory ?? (geteuid() == 0 ? "/run/gwe" : "/dev/shm/gwe-\(geteuid())")
        spare = "\(spareParent)/\(ControlGroups.key(stateFolder))"
    }

    /// The names of all records, without their suffix, in whichever folder. Makes the main folder if it can.
    public func records() -> [String] {
        let inMain = (try? ProcessRecord.folder(main)) ?? []
        guard RunFolders.isOurs(spareParent), RunFolders.isOurs(spare) else { return inMain }
        return Set(inMain).union((try? ProcessRecord.folder(spare)) ?? []).sorted()
    }

    /// The processes that run by the records in both folders, by name. Writes nothing.
    public var running: [(name: String, process: ProcessFacts)] {
        var names: Set<String> = []
        for folder in [main, spare] {
            guard folder == main || (RunFolders.isOurs(spareParent) && RunFolders.isOurs(spare)),
                var reader = try? FolderReader(folder)
            else { continue }
            while let name = try? reader.next()?.name {
                if name.hasSuffix(ProcessRecord.suffix) {
                    names.insert(String(name.dropLast(ProcessRecord.suffix.count)))
                }
            }
        }
        return names.sorted().compactMap { name in
            guard let process = record(name)?.process, !process.isZombie else { return nil }
            return (name, process)
        }
    }

    /// The record of a name: of two the one whose process runs.
    public func record(_ name: String) -> ProcessRecord? {
        let found = paths(name, ProcessRecord.suffix).compactMap { ProcessRecord($0) }
        return found.first { $0.process != nil } ?? found.first
    }

    /// Makes a record; in memory when it cannot be in the state folder.
    /// - Returns: a descriptor for `SpawnRequest.record`.
    public func createRecord(
        _ name: String, data: String, controlGroup: ControlGroup?, isSpare: Bool
    ) throws(SystemError) -> Int32 {
        if !isSpare {
            do throws(SystemError) {
                return try make(main, name, data, controlGroup)
            } catch {
                guard RunFolders.isOfStorage(error.code) else { throw error }
            }
        }
        try makeSpare()
        return try make(spare, name, data, controlGroup)
    }

    private func make(
        _ folder: String, _ name: String, _ data: String, _ group: ControlGroup?
    ) throws(SystemError) -> Int32 {
        let fd = try ProcessRecord.create("\(folder)/\(name)\(ProcessRecord.suffix)", data: data, controlGroup: group)
        // An old one elsewhere tells nothing any more.
        for other in [main, spare] where other != folder { unlink("\(other)/\(name)\(ProcessRecord.suffix)") }
        return fd
    }

    /// Does something with the path of a pipe: the one that exists, or a new one in the state folder, or one in memory when
    /// that cannot be made.
    public func withPipe<Result>(
        _ name: String, _ body: (String) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let inMemory = "\(spare)/\(name)"
        var info = stat()
        if RunFolders.isOurs(spareParent), RunFolders.isOurs(spare), lstat(inMemory, &info) == 0,
            info.st_mode & S_IFMT == S_IFIFO, info.st_uid == geteuid() || geteuid() == 0
        {
            return try body(inMemory)
        }
        do throws(SystemError) {
            return try body("\(main)/\(name)")
        } catch {
            guard RunFolders.isOfStorage(error.code) else { throw error }
        }
        try makeSpare()
        return try body(inMemory)
    }

    /// Makes something at a path of the state folder, whose folder is made too, or in memory when that cannot be: also where
    /// the path is too long for a socket.
    public func make<Result>(
        _ name: String, _ body: (String) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        do throws(SystemError) {
            _ = try FileTree.makeDirectory(main)
            return try body("\(main)/\(name)")
        } catch {
            guard RunFolders.isOfStorage(error.code) || error.code == ENAMETOOLONG else { throw error }
        }
        try makeSpare()
        return try body("\(spare)/\(name)")
    }

    /// Where something is in memory; nil unless the folder is there, ours, and nobody else's to write to.
    public func inMemory(_ name: String) -> String? {
        guard RunFolders.isOurs(spareParent), RunFolders.isOurs(spare) else { return nil }
        return "\(spare)/\(name)"
    }

    /// Both places of a file.
    public func paths(_ name: String, _ suffix: String) -> [String] { [main, spare].map { "\($0)/\(name)\(suffix)" } }

    /// The same, without links on the way, as /proc shows open files.
    public func realPaths(_ name: String, _ suffix: String) -> [String] {
        [main, spare].map { folder in
            let real = realpath(folder, nil)
            defer { free(real) }
            return "\(real.map { String(cString: $0) } ?? folder)/\(name)\(suffix)"
        }
    }

    /// Removes a file in both places; that there is none is no error, and neither is storage that cannot be written: what
    /// is left tells of a process that is gone.
    public func remove(_ name: String, _ suffix: String) {
        for path in paths(name, suffix) { unlink(path) }
        rmdir(spare)
    }

    /// Whether the error is of storage that is full, read-only or broken (or of a folder that could not be made on it).
    static func isOfStorage(_ code: Int32) -> Bool {
        [ENOSPC, EROFS, EDQUOT, EIO, ENOENT, ENOTDIR, EACCES, EPERM, EUCLEAN].contains(code)
    }

    /// Makes the folder in memory. Returns its path.
    func makeSpareFolder() throws(SystemError) -> String {
        try makeSpare()
        return spare
    }

    private func makeSpare() throws(SystemError) {
        for folder in [spareParent, spare] {
            if mkdir(folder, 0o700) != 0, errno != EEXIST { throw .last("make folder \(folder)") }
            guard RunFolders.isOurs(folder) else {
                throw SystemError("use folder \(folder), which is not ours alone", code: EPERM)
            }
        }
    }

    /// Whether it is a folder, no link, that is ours and that nobody else can write to.
    private static func isOurs(_ folder: String) -> Bool {
        var info = stat()
        return lstat(folder, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR && info.st_uid == geteuid()
            && info.st_mode & 0o022 == 0
    }
}
