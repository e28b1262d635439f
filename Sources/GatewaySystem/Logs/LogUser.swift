internal import CLinux
internal import Glibc

/// In whose name files are opened that lie where this user may do as he likes. The kernel then refuses what he could not do
/// himself, whatever links he plants and whenever he does it.
struct LogUser: Sendable, Hashable {
    var uid: UInt32
    var gid: UInt32

    /// The owner of a folder; with his own group, or where he is unknown with that of nobody.
    init(uid: UInt32, hint: UserIdentity?) {
        self.uid = uid
        if let hint, hint.uid == uid {
            gid = hint.gid
        } else {
            gid = (try? UserIdentity("\(uid)"))?.gid ?? 65_534
        }
    }

    /// Runs a piece with this user's rights to files, on this thread only. errno is that of the piece.
    func acting<Result: ~Copyable>(_ body: () -> Result) throws(SystemError) -> Result {
        var before = gwe_fs_user()
        guard gwe_enter_fs_user(uid, gid, &before) == 0 else { throw .last("open files as user \(uid)") }
        defer { gwe_leave_fs_user(&before) }
        return body()
    }
}

extension Optional<LogUser> {
    /// As `LogUser.acting`; without a user in the name of this process.
    func acting<Result: ~Copyable>(_ body: () -> Result) throws(SystemError) -> Result {
        guard let self else { return body() }
        return try self.acting(body)
    }
}
