internal import Glibc

extension KernelInfo {
    /// /proc/meminfo (proc_meminfo(5)), in KiB.
    public struct Memory: Sendable, Hashable {
        /// RAM that the kernel can give out: without what its own code and the firmware keep.
        public var total: Int64 = 0
        /// RAM that nobody uses, not even as a cache.
        public var free: Int64 = 0
        /// What new programs may take without swapping; estimated by the kernel since 3.14.
        public var available: Int64 = 0
        /// Shared memory and the contents of tmpfs.
        public var shared: Int64 = 0
        /// Buffers, page cache and reclaimable slab.
        public var cache: Int64 = 0
        /// Size of all swap areas; 0 without one.
        public var swapTotal: Int64 = 0
        /// What of the swap areas is not used.
        public var swapFree: Int64 = 0

        /// All zero.
        public init() {}

        /// As free(1) of procps-ng 4 counts it.
        public var used: Int64 { max(0, total - available) }

        /// Reads the text of /proc/meminfo; lines it does not know are passed over.
        public init(meminfo text: String) {
            var values: [Substring: Int64] = [:]
            for line in text.split(separator: "\n") {
                let parts = line.split(whereSeparator: { $0 == " " || $0 == ":" })
                if parts.count >= 2, let value = Int64(parts[1]) { values[parts[0]] = value }
            }
            total = values["MemTotal"] ?? 0
            free = values["MemFree"] ?? 0
            shared = values["Shmem"] ?? 0
            cache = (values["Buffers"] ?? 0) + (values["Cached"] ?? 0) + (values["SReclaimable"] ?? 0)
            available = values["MemAvailable"] ?? min(total, free + cache)
            swapTotal = values["SwapTotal"] ?? 0
            swapFree = values["SwapFree"] ?? 0
        }
    }

    /// Reads /proc/meminfo.
    /// - Throws: where /proc is missing.
    public static func memory() throws(SystemError) -> Memory {
        Memory(meminfo: String(decoding: try AtomicFile.read("/proc/meminfo", limit: 65_536), as: UTF8.self))
    }
}
