internal import CLinux
internal import Glibc

/// Tells when an address of more than this host or link, or a default route, has appeared in the network namespace of the
/// thread that made it (rtnetlink(7)). Wakes nobody otherwise than on news of addresses and routes.
public final class NetworkWatch: Sendable {
    private let loop: EventLoop
    private let fd: Int32
    private let source: EventLoop.Source

    /// The handler runs on the loop's thread, once for all news that are there, until this object is released.
    public init(loop: EventLoop, handler: @escaping EventLoop.Handler) throws(SystemError) {
        let descriptor = gwe_route_socket()
        guard descriptor >= 0 else { throw .last("watch the network") }
        self.loop = loop
        fd = descriptor
        do throws(SystemError) {
            source = try loop.add(descriptor, .readable) { if gwe_route_news(descriptor) != 0 { handler() } }
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
