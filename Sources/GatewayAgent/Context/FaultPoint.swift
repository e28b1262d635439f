internal import Glibc

/// A place where a test may kill the process for real, as a power cut would stop it.
///
/// `GWE_FAULT=unpack.after` kills at the first pass over that point, `GWE_FAULT=unpack.after:2` at the second.
/// `GWE_FAULT_LOG=FILE` appends the name of each point that is passed, so that a campaign can enumerate them.
/// Debug builds only: a release build has no such code.
enum FaultPoint {
    static func pass(_ name: String) {
        #if DEBUG
            if let log = getenv("GWE_FAULT_LOG") {
                let fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
                if fd >= 0 {
                    let line = Array((name + "\n").utf8)
                    _ = line.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
                    close(fd)
                }
            }
            guard let wanted = getenv("GWE_FAULT") else { return }
            let parts = String(cString: wanted).split(separator: ":")
            guard let point = parts.first, point == name else { return }
            let occurrence = parts.count > 1 ? Int(parts[1]) ?? 1 : 1
            let passed = counter.add(1)
            if passed == occurrence { kill(getpid(), SIGKILL) }
        #endif
    }

    #if DEBUG
        private static let counter = Counter()
    #endif
}

#if DEBUG
    internal import Synchronization

    private final class Counter: Sendable {
        private let value = Atomic<Int>(0)
        func add(_ amount: Int) -> Int { value.add(amount, ordering: .relaxed).newValue }
    }
#endif
