internal import CLinux

/// The memory of this process, given back where it is not needed for a while.
///
/// A daemon that sleeps for hours needs little of what its last pass touched: the heap of a plan, and the code of TLS,
/// SQLite and the rest. Free heap goes back to the system (malloc_trim(3)); code and constants are only unmapped
/// (madvise(2), MADV_DONTNEED on segments that are never written): they stay in the page cache as long as the system has
/// room for them, and come back by a page fault, 64 KiB at a time.
public enum ProcessMemory {
    /// Call it when work has ended and nothing is expected soon. It takes well under a millisecond, and what runs next a
    /// few page faults more. Other threads may run meanwhile.
    public static func release() { gwe_release_memory() }

    /// All threads share one heap, so that what one has freed another can take. Call it before there are other threads.
    public static func shareHeap() { gwe_limit_arenas(1) }
}
