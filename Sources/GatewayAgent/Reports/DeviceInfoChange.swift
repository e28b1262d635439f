public import Documents

extension DeviceInfo {
    /// Whether a new value of `device_info` is worth its bytes: uname, addresses or agent version differ, a file system
    /// came or went, or the use of a file system or of memory moved by more than 5 % of its size (D8).
    ///
    /// Both are values of `json`, so that what was sent before a restart can be compared too. A missing or unreadable
    /// `old` is a change.
    public static func isSignificantChange(from old: JSONValue?, to new: JSONValue) -> Bool {
        guard let old else { return true }
        for key in ["uname", "ipaddrs", "agent"] where old[key] != new[key] { return true }

        let oldDisks = DeviceInfoTables.readDF(old["df"]?.string ?? "")
        let newDisks = DeviceInfoTables.readDF(new["df"]?.string ?? "")
        guard oldDisks.keys == newDisks.keys else { return true }
        for (mountPoint, now) in newDisks {
            guard let before = oldDisks[mountPoint], !hasMoved(from: before, to: now) else { return true }
        }

        let oldMemory = DeviceInfoTables.readFree(old["free"]?.string ?? "")
        let newMemory = DeviceInfoTables.readFree(new["free"]?.string ?? "")
        switch (oldMemory, newMemory) {
        case (nil, nil): return false
        case (let before?, let now?): return hasMoved(from: before, to: now)
        default: return true
        }
    }

    private static func hasMoved(from old: (total: Int64, used: Int64), to new: (total: Int64, used: Int64)) -> Bool {
        let size = Double(max(old.total, new.total))
        let moved = max(abs(Double(old.total) - Double(new.total)), abs(Double(old.used) - Double(new.used)))
        return moved > size * 0.05
    }
}
