internal import Glibc

/// The folder that a log lies in, and its name there, found in a way that no app's user can turn against root.
///
/// The path is walked folder by folder:
/// - As long as folders belong to root, root walks. A symbolic link is followed if it is root's own: it belongs to root and
///   lies where only root can put one.
/// - From the first folder on that belongs to another user, everything is done with that user's rights (see `LogUser`).
/// - In a root's folder that others may write (/tmp), no link is followed that they could have made, and a file is only
///   used if it is a regular one with one link that belongs to root or to the app's user.
///
/// An agent that is not root has nothing to lose that the app's user does not have: it follows every link.
struct LogPlace: ~Copyable {
    /// O_PATH.
    let folder: Int32
    let name: String
    /// In whose name files in the folder are opened and renamed.
    let user: LogUser?
    /// Whether others may have put things into the folder.
    let isShared: Bool
    private let path: String
    private let owner: UInt32?

    deinit { close(folder) }

    /// Finds the folder and makes it if it is not there.
    /// - Parameter owner: the app's user; nil is root.
    init(_ path: String, owner: UserIdentity?, makesFolders: Bool = true) throws(LogTrouble) {
        var walk = Walk(path, owner: owner, makesFolders: makesFolders)
        do throws(LogTrouble) { try walk.go() } catch {
            if walk.folder >= 0 { close(walk.folder) }
            throw error
        }
        folder = walk.folder
        name = walk.name
        user = walk.user
        isShared = walk.isShared
        self.path = path
        self.owner = owner?.uid
    }

    /// Opens a file of the folder. Never a link, never waits.
    func open(_ name: String, _ flags: Int32, mode: mode_t = 0o644) throws(LogTrouble) -> Int32 {
        let fd: Int32
        do throws(SystemError) {
            fd = try user.acting {
                openat(folder, name, flags | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, mode)
            }
            guard fd >= 0 else { throw SystemError.last("open log \(path)") }
        } catch {
            if error.code == ENXIO { throw LogTrouble(refused: path, "nobody reads this pipe") }
            throw LogTrouble(error)
        }
        guard isShared, let problem = problem(fd) else { return fd }
        close(fd)
        throw LogTrouble(refused: path, problem)
    }

    /// Why a file in a shared folder is not to be trusted; nil when it is.
    private func problem(_ fd: Int32) -> String? {
        var info = stat()
        guard fstat(fd, &info) == 0 else { return "it cannot be examined" }
        let place = "and others than root may write the folder"
        if info.st_mode & S_IFMT != S_IFREG { return "it is no regular file, \(place)" }
        if info.st_nlink > 1 { return "it has \(info.st_nlink) links, \(place)" }
        if info.st_uid != geteuid(), info.st_uid != owner { return "it belongs to user \(info.st_uid), \(place)" }
        return nil
    }

    /// - Parameter isLast: a file of the new name is one that has served its time. It is removed first, because a rename onto
    ///   a file makes ext4 write out at once what is renamed (ext4(5), auto_da_alloc), though it may soon be removed itself.
    func rename(_ old: String, to new: String, isLast: Bool = false) throws(LogTrouble) {
        do throws(SystemError) {
            let result = try user.acting {
                var info = stat()
                if isLast, fstatat(folder, old, &info, AT_SYMLINK_NOFOLLOW) == 0 { unlinkat(folder, new, 0) }
                return renameat(folder, old, folder, new)
            }
            guard result == 0 || errno == ENOENT else { throw SystemError.last("rotate log \(path)") }
        } catch { throw LogTrouble(error) }
    }

    /// Removes a file; one that is not there is no error.
    func remove(_ name: String) throws(LogTrouble) {
        do throws(SystemError) {
            let result = try user.acting { unlinkat(folder, name, 0) }
            guard result == 0 || errno == ENOENT else { throw SystemError.last("remove old log of \(path)") }
        } catch { throw LogTrouble(error) }
    }

    /// The sizes, as they count, of the regular files `name`, `name.1` and so on by number; 0 is the file itself.
    func sizes() -> [Int: Int64] {
        var found: [Int: Int64] = [:]
        let fd = (try? user.acting { openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }) ?? -1
        guard fd >= 0, var list = try? FolderReader(owning: fd, called: path) else { return [:] }
        while let text = try? list.next()?.name {
            guard text.hasPrefix(name), let number = LogPlace.number(text.dropFirst(name.count)) else { continue }
            var info = stat()
            guard fstatat(fd, text, &info, AT_SYMLINK_NOFOLLOW) == 0, info.st_mode & S_IFMT == S_IFREG else { continue }
            found[number] = LogFiles.counted(Int64(info.st_size))
        }
        return found
    }

    private static func number(_ suffix: Substring) -> Int? {
        if suffix.isEmpty { return 0 }
        guard suffix.hasPrefix("."), let number = Int(suffix.dropFirst()), (1...9_999).contains(number),
            suffix.dropFirst() == "\(number)"
        else { return nil }
        return number
    }
}

/// One walk along a path.
private struct Walk {
    let path: String
    let owner: UserIdentity?
    let makesFolders: Bool
    let isPrivileged = geteuid() == 0
    var folder: Int32 = -1
    var name = ""
    var user: LogUser?
    var isShared = false
    /// Others may write here, but not take away or rename what is not theirs (inode(7), sticky bit).
    private var isSticky = false
    /// Components still to come, the next one last.
    private var rest: [String]
    private var links = 0

    init(_ path: String, owner: UserIdentity?, makesFolders: Bool) {
        self.path = path
        self.owner = owner
        self.makesFolders = makesFolders
        rest = path.split(separator: "/").reversed().map(String.init)
    }

    private func failure() -> LogTrouble { LogTrouble(SystemError.last("open log \(path)")) }

    mutating func go() throws(LogTrouble) {
        guard path.hasPrefix("/"), !path.utf8.contains(0), let last = rest.first, last != "..", last != "." else {
            throw LogTrouble(refused: path, "it is no absolute path of a file")
        }
        try enter("/", from: AT_FDCWD)
        while let next = rest.popLast() {
            if next == "." { continue }
            if try step(next) { return }
        }
        throw LogTrouble(SystemError("open log \(path)", code: EISDIR))
    }

    /// One component; true when it is the file's name.
    private mutating func step(_ next: String) throws(LogTrouble) -> Bool {
        var info = stat()
        let here = folder
        let exists: Bool
        do throws(SystemError) {
            exists = try user.acting { fstatat(here, next, &info, AT_SYMLINK_NOFOLLOW) } == 0
        } catch { throw LogTrouble(error) }
        guard exists else {
            guard errno == ENOENT else { throw failure() }
            if rest.isEmpty {
                name = next
                return true
            }
            try make(next)
            return false
        }
        if info.st_mode & S_IFMT == S_IFLNK {
            try follow(next, info)
            return false
        }
        if rest.isEmpty {
            name = next
            return true
        }
        guard info.st_mode & S_IFMT == S_IFDIR else { throw LogTrouble(SystemError("open log \(path)", code: ENOTDIR)) }
        try enter(next, from: folder)
        return false
    }

    private mutating func make(_ next: String) throws(LogTrouble) {
        let here = folder
        guard makesFolders else { throw LogTrouble(SystemError("open log \(path)", code: ENOENT)) }
        do throws(SystemError) {
            let result = try user.acting { mkdirat(here, next, 0o755) }
            guard result == 0 || errno == EEXIST else { throw SystemError.last("make the folder of log \(path)") }
        } catch { throw LogTrouble(error) }
        try enter(next, from: folder)
    }

    private mutating func follow(_ next: String, _ info: stat) throws(LogTrouble) {
        if isPrivileged, user == nil {
            // A hard link to a link of root's would be one that somebody else put here.
            let isRoots = info.st_uid == 0 && (!isShared || (isSticky && info.st_nlink == 1))
            guard isRoots else {
                throw LogTrouble(refused: path, "'\(next)' is a symbolic link that others than root may have made")
            }
        }
        links += 1
        guard links <= 40 else { throw LogTrouble(SystemError("open log \(path)", code: ELOOP)) }
        var target = [CChar](repeating: 0, count: 4_097)
        let here = folder
        let length: Int
        do throws(SystemError) {
            length = try user.acting { readlinkat(here, next, &target, 4_096) }
        } catch { throw LogTrouble(error) }
        guard length > 0 else { throw failure() }
        let text = String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        rest += text.split(separator: "/").reversed().map(String.init)
        if text.hasPrefix("/") { try enter("/", from: AT_FDCWD) }
    }

    /// Goes into a folder and looks whose it is.
    private mutating func enter(_ next: String, from here: Int32) throws(LogTrouble) {
        let flags = O_PATH_FLAG | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let fd: Int32
        do throws(SystemError) { fd = try user.acting { openat(here, next, flags) } } catch { throw LogTrouble(error) }
        guard fd >= 0 else { throw failure() }
        if folder >= 0 { close(folder) }
        folder = fd
        var info = stat()
        guard fstat(fd, &info) == 0 else { throw failure() }
        guard isPrivileged, user == nil else { return }
        if info.st_uid != 0 { user = LogUser(uid: info.st_uid, hint: owner) }
        // A folder of root's in a sticky one was put there by root; in another one somebody may have put it in this place.
        let isMisplaced = isShared && !isSticky
        isShared = isMisplaced || info.st_mode & 0o002 != 0 || (info.st_mode & 0o020 != 0 && info.st_gid != 0)
        isSticky = !isMisplaced && info.st_mode & S_ISVTX != 0
    }
}

/// O_PATH is behind _GNU_SOURCE: open(2), 0x200000 on every architecture that Swift runs on.
private let O_PATH_FLAG: Int32 = 0x20_0000
