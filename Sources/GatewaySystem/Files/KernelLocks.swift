internal import Glibc

/// Who really holds flock(2) on a file, as the kernel lists it in /proc/locks (proc(5)): a holder that was written down may
/// have ended long ago.
enum KernelLocks {
    /// The processes that hold the lock now; empty where the kernel does not tell: without /proc, for a process of another
    /// pid namespace, or on a file system whose numbers differ from those that stat(2) shows.
    static func holders(of file: stat) -> [Int32] {
        guard let bytes = try? AtomicFile.read("/proc/locks", limit: 4 << 20) else { return [] }
        let device = UInt64(file.st_dev)
        let name = "\(hex(gnu_major(device))):\(hex(gnu_minor(device))):\(file.st_ino)"
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            // "1: FLOCK  ADVISORY  WRITE 812 fd:01:1234567 0 EOF"; "1: -> FLOCK …" waits for it.
            let fields = line.split(separator: " ")
            guard fields.count > 5, fields[1] == "FLOCK", fields[5] == name else { return nil }
            return Int32(fields[4])
        }
    }

    /// The processes that have the file open, as far as this one may look (proc_pid_fd(5)); our own is not among them. A lock
    /// outlives the process that took it in those that it left its descriptor to.
    static func openers(of file: stat) -> [Int32] {
        let processes = ((try? FileTree.list("/proc")) ?? []).compactMap { Int32($0) }.filter { $0 != getpid() }
        return processes.filter { pid in
            let descriptors = (try? FileTree.list("/proc/\(pid)/fd")) ?? []
            return descriptors.contains { descriptor in
                var status = stat()
                return stat("/proc/\(pid)/fd/\(descriptor)", &status) == 0 && status.st_dev == file.st_dev
                    && status.st_ino == file.st_ino
            }
        }
    }

    static func isAlive(_ pid: Int32) -> Bool { pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) }

    /// The name of a process's program, as the kernel keeps it (15 bytes, proc_pid_comm(5)); nil when it cannot be read.
    static func program(_ pid: Int32) -> String? {
        guard let bytes = try? AtomicFile.read("/proc/\(pid)/comm", limit: 256) else { return nil }
        let name = String(decoding: bytes, as: UTF8.self).filter { !$0.isNewline }
        return name.isEmpty ? nil : name
    }

    /// The user of a process; nil when there is none.
    static func user(_ pid: Int32) -> UInt32? {
        var status = stat()
        return stat("/proc/\(pid)", &status) == 0 ? status.st_uid : nil
    }

    private static func hex(_ number: UInt32) -> String {
        let text = String(number, radix: 16)
        return text.utf8.count < 2 ? "0\(text)" : text
    }

    /// gnu_dev_major(3), which is a macro.
    private static func gnu_major(_ device: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (device >> 8) & 0xFFF) | UInt32(truncatingIfNeeded: (device >> 32) & ~0xFFF)
    }

    private static func gnu_minor(_ device: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: device & 0xFF) | UInt32(truncatingIfNeeded: (device >> 12) & ~0xFF)
    }
}
