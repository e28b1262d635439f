internal import Glibc

/// A user a child becomes: uid, gid and all groups, looked up in the parent because a child must not allocate.
public struct UserIdentity: Sendable, Hashable {
    /// The login name, also when it was asked for by its number.
    public var name: String
    /// User number.
    public var uid: UInt32
    /// Number of the primary group.
    public var gid: UInt32
    /// Numbers of all groups, the primary one among them; at most 65,536.
    public var groups: [UInt32]
    /// Home folder, as the user database says; it need not exist.
    public var home: String
    /// Login shell, as the user database says; `/bin/sh` where it names none.
    public var shell: String

    /// Looks up a name or a number in the system's user database (getpwnam_r(3), getgrouplist(3)).
    /// Fails with reason `.user` when there is no such user, or when this process may not become it.
    public init(_ name: String) throws(ProcessError) {
        guard let found = UserIdentity.lookUp(name) else {
            throw ProcessError(.user, "as user \(name)", "there is no such user")
        }
        self = found
        guard geteuid() == 0 || uid == geteuid() else {
            throw ProcessError(.user, "as user \(name)", "only root may change the user, and gwe does not run as root")
        }
    }

    /// Whether the system's user database has that name or number.
    public static func exists(_ name: String) -> Bool { lookUp(name) != nil }

    /// What the user's programs expect to find in their environment (login(1)): HOME, USER, LOGNAME and SHELL. Empty where
    /// this process is that user already: what it has then stays.
    public var environment: [String: String] {
        uid == geteuid() ? [:] : ["HOME": home, "USER": name, "LOGNAME": name, "SHELL": shell]
    }

    /// Whether a child that stays who we are is this user already.
    var isCurrent: Bool { uid == geteuid() && gid == getegid() && geteuid() != 0 }

    private static func lookUp(_ name: String) -> UserIdentity? {
        var record = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        if let number = uid_t(name) {
            _ = getpwuid_r(number, &record, &buffer, buffer.count, &result)
        } else {
            _ = getpwnam_r(name, &record, &buffer, buffer.count, &result)
        }
        guard result != nil, let login = record.pw_name, let home = record.pw_dir else { return nil }
        var count: Int32 = 64
        var groups = [gid_t](repeating: 0, count: Int(count))
        if getgrouplist(login, record.pw_gid, &groups, &count) < 0 {
            groups = [gid_t](repeating: 0, count: max(1, min(Int(count), 65_536)))
            count = Int32(groups.count)
            _ = getgrouplist(login, record.pw_gid, &groups, &count)
        }
        return UserIdentity(
            name: String(cString: login), uid: record.pw_uid, gid: record.pw_gid,
            groups: Array(groups.prefix(max(0, Int(count)))), home: String(cString: home),
            shell: record.pw_shell.map { String(cString: $0) } ?? "")
    }

    private init(name: String, uid: UInt32, gid: UInt32, groups: [UInt32], home: String, shell: String) {
        self.name = name
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home
        self.shell = shell.isEmpty ? "/bin/sh" : shell
    }
}
