internal import CLinux
internal import Glibc

/// A thread that runs one closure and is waited for.
public final class BackgroundThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var thread = pthread_t()
    private var isJoined = false

    /// - Parameter name: at most 15 bytes; shown by ps and top.
    /// - Throws: when the system has no thread to give.
    public init(_ name: String, _ run: @escaping @Sendable () -> Void) throws(SystemError) {
        let body = Unmanaged.passRetained(Body(run))
        let code = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            // deinit comes after this, and there is nobody to wait for.
            isJoined = true
            throw SystemError("start thread \(name)", code: code)
        }
        gwe_thread_name(thread, name)
    }

    /// Waits for the closure's end. Done by deinit at the latest.
    public func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(thread, nil)
    }

    /// Lets it run on: nobody waits for it.
    public func detach() {
        guard !isJoined else { return }
        isJoined = true
        pthread_detach(thread)
    }

    deinit { join() }
}
