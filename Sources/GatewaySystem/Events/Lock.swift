#if GWE_SANITIZED
    internal import Glibc

    /// What stands for `Mutex` in a build under ThreadSanitizer, with the same calls. The `Mutex` of Synchronization waits on a
    /// futex(2), which the sanitizer does not know, so that every access under it looks like a race; pthread_mutex_lock(3) it
    /// knows. Not for a gateway: each costs an allocation.
    public struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

        /// A lock that nobody holds.
        public init(_ value: consuming sending Value) {
            self.value.initialize(to: value)
            pthread_mutex_init(mutex, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
            value.deinitialize(count: 1)
            value.deallocate()
        }

        /// Waits until nobody holds the lock, and holds it for the time of `body`.
        public borrowing func withLock<Result: ~Copyable, E: Error>(
            _ body: (inout sending Value) throws(E) -> sending Result
        ) throws(E) -> sending Result {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value.pointee)
        }

        /// The same, but nil at once where somebody holds it.
        public borrowing func withLockIfAvailable<Result: ~Copyable, E: Error>(
            _ body: (inout sending Value) throws(E) -> sending Result
        ) throws(E) -> sending Result? {
            guard pthread_mutex_trylock(mutex) == 0 else { return nil }
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value.pointee)
        }
    }
#else
    public import Synchronization

    /// A lock around a value. It is `Mutex` of Synchronization, but in a build under ThreadSanitizer: see there.
    public typealias Lock<Value: ~Copyable> = Mutex<Value>
#endif
