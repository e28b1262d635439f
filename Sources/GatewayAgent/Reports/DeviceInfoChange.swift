internal import Wire

extension DeviceInfo {
    /// Whether a new value of `device_info` is worth its bytes: uname, addresses or agent version differ, a file system
    /// came or went, or the use of a file system or of memory moved by more than 5 % of its size (D8).
    ///
    /// Both are reports, so that what was sent before a restart can be compared too. A missing `old` is a change.
    static func isSignificantChange(from old: DeviceInfoReport?, to new: DeviceInfoReport) -> Bool {
        guard let old, old.uname == new.uname, old.addresses == new.addresses, old.agent == new.agent else {
            return true
        }
        let oldDisks = DeviceInfoTables.readDF(old.df)
        let newDisks = DeviceInfoTables.readDF(new.df)
        guard oldDisks.keys == newDisks.keys else { return true }
        for (mountPoint, now) in newDisks {
            guard let before = oldDisks[mountPoint], !hasMoved(from: before, to: now) else { return true }
        }

        let oldMemory = DeviceInfoTables.readFree(old.free)
        let newMemory = DeviceInfoTables.readFree(new.free)
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
