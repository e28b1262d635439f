internal import CLinux
internal import Glibc

/// Tells when the wall clock was set, as opposed to slowed or sped up: a timer that never fires and that the kernel cancels
/// then (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). Wakes nobody otherwise.
public final class ClockSteps: Sendable {
    private let loop: EventLoop
    private let fd: Int32
    private let source: EventLoop.Source

    /// The handler runs on the loop's thread, until this object is released.
    public convenience init(loop: EventLoop, handler: @escaping EventLoop.Handler) throws(SystemError) {
        try self.init(loop: loop, descriptor: gwe_clock_step_timer(), handler: handler)
    }

    /// - Parameter descriptor: becomes readable when the clock was set; this object's from now on.
    init(loop: EventLoop, descriptor: Int32, handler: @escaping EventLoop.Handler) throws(SystemError) {
        guard descriptor >= 0 else { throw .last("watch the clock") }
        self.loop = loop
        fd = descriptor
        do throws(SystemError) {
            source = try loop.add(descriptor, .readable) {
                // ECANCELED; the timer has to be set anew.
                var count: UInt64 = 0
                _ = read(descriptor, &count, 8)
                _ = gwe_arm_clock_step_timer(descriptor)
                handler()
            }
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit {
        loop.remove(source)
        close(fd)
    }
}
