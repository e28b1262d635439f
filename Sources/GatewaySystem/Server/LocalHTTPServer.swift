internal import CMicroHTTP
internal import Glibc
internal import Synchronization

/// A small HTTP/1.1 server for this machine: the daemon's socket, local health pages, the stand-in cloud.
///
/// Each connection has its own thread (libmicrohttpd's thread-per-connection mode), so a handler may block; an idle
/// server wakes up for nothing. The threads have all signals blocked.
public final class LocalHTTPServer: Sendable {
    /// Answers one request. It runs on the thread of its connection, beside others, and may block.
    public typealias Handler = @Sendable (HTTPServerRequest) -> HTTPServerResponse

    /// Where a server listens, and what it lets pass.
    public struct Configuration: Sendable {
        /// Where to listen.
        public var address: HTTPServerAddress
        /// PEM texts; both or none. The certificate may carry its chain.
        public var certificate: String?
        /// PEM text of the key to `certificate`.
        public var privateKey: String?
        /// PEM text: clients are asked for a certificate that this CA has signed, see `HTTPServerRequest.clientName`.
        /// They may have none.
        public var clientCA: String?
        /// Asked with the head of each request that may have a body.
        public var bodyPlan: @Sendable (HTTPServerRequest) -> HTTPBodyPlan = { _ in .memory(byteLimit: 1 << 20) }
        /// More connections than this are not served at once: then the one that has been idle for longest is given up.
        public var connectionLimit = 1000
        /// How long a peer may be silent in the middle of a request, or between two. A handler's time does not count.
        public var idleSeconds = 60
        /// How long a peer may take nothing of an answer, or a stream have nothing for it.
        public var answerSeconds = 60
        /// How long a complete request may take to come once another connection is made; nil: any time.
        public var requestPatience: Duration?

        /// Plain HTTP, with bodies of at most 1 MiB in memory, until the other properties are set.
        public init(address: HTTPServerAddress) { self.address = address }
    }

    /// Where the server listens, with the port that it got.
    public let address: HTTPServerAddress
    /// The port that it got; 0 for a Unix socket.
    public var port: UInt16 { if case .tcp(_, let port) = address { port } else { 0 } }

    private let shared: Shared
    private let daemon: Lock<Daemon?>

    /// Starts to listen; requests are served when this returns.
    public init(_ configuration: Configuration, handler: @escaping Handler) throws(SystemError) {
        let listener = try HTTPServerListener(configuration.address)
        address = listener.address
        shared = Shared(configuration: configuration, handler: handler)
        daemon = Lock(try Daemon(listener, shared))
    }

    deinit { stop() }

    /// Ends all connections and waits for their threads. Handlers that wait must look at `HTTPServerPeer.isGone`.
    /// A socket file is removed. Must not be called by a handler.
    public func stop() {
        shared.stopping.set()
        daemon.withLock { $0.take() }?.stop()
    }

    static func equalsIgnoringCase(_ a: String, _ b: String) -> Bool {
        func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
        return a.utf8.elementsEqual(b.utf8) { lower($0) == lower($1) }
    }
}

extension LocalHTTPServer {
    /// What every connection's thread needs. Kept alive by the daemon.
    final class Shared: Sendable {
        let configuration: Configuration
        let handler: Handler
        let stopping = HTTPServerStopFlag()
        let connections: HTTPServerConnections

        init(configuration: Configuration, handler: @escaping Handler) {
            self.configuration = configuration
            self.handler = handler
            connections = HTTPServerConnections(
                limit: configuration.connectionLimit, patience: configuration.requestPatience)
        }
    }

    /// libmicrohttpd's daemon, and who takes the connections for it.
    struct Daemon: ~Copyable, @unchecked Sendable {
        private let handle: OpaquePointer
        private let acceptor: HTTPServerAcceptor
        private let shared: Unmanaged<Shared>
        /// The socket file with its inode, so that a successor's is not removed.
        private var file: (path: String, inode: UInt)?

        init(_ listener: borrowing HTTPServerListener, _ shared: Shared) throws(SystemError) {
            let configuration = shared.configuration
            guard (configuration.certificate == nil) == (configuration.privateKey == nil) else {
                close(listener.descriptor)
                if case .unix(let path, _) = listener.address { unlink(path) }
                throw SystemError("start the HTTP server: a certificate and its key go together", code: EINVAL)
            }
            let retained = Unmanaged.passRetained(shared)
            let action = "start the HTTP server"
            if case .unix(let path, _) = listener.address {
                var status = stat()
                if lstat(path, &status) == 0 { file = (path, UInt(status.st_ino)) }
            }
            let certificate = configuration.certificate.map { strdup($0) } ?? nil
            let key = configuration.privateKey.map { strdup($0) } ?? nil
            let clientCA = configuration.clientCA.map { strdup($0) } ?? nil
            defer {
                free(clientCA)
                free(certificate)
                if let key { explicit_bzero(key, strlen(key)) }
                free(key)
            }
            var options = [
                // The acceptor keeps the limit. libmicrohttpd 0.9.75 never reaches its own, for there it keeps a mutex
                // locked for good (new_connection_process_ in its daemon.c), and every
                MHD_OptionItem(option: .CONNECTION_LIMIT, value: Int(Int32.max), ptr_value: nil),
                MHD_OptionItem(
                    option: .NOTIFY_CONNECTION, value: unsafeBitCast(HTTPExchange.onConnection, to: Int.self),
                    ptr_value: retained.toOpaque()),
                MHD_OptionItem(option: .CONNECTION_TIMEOUT, value: configuration.idleSeconds, ptr_value: nil),
                MHD_OptionItem(option: .CONNECTION_MEMORY_LIMIT, value: 128 << 10, ptr_value: nil),
                MHD_OptionItem(
                    option: .NOTIFY_COMPLETED, value: unsafeBitCast(HTTPExchange.onCompleted, to: Int.self),
                    ptr_value: nil),
                MHD_OptionItem(
                    option: .URI_LOG_CALLBACK, value: unsafeBitCast(HTTPExchange.onTarget, to: Int.self),
                    ptr_value: retained.toOpaque()),
                MHD_OptionItem(
                    option: .UNESCAPE_CALLBACK, value: unsafeBitCast(HTTPExchange.onEscape, to: Int.self),
                    ptr_value: nil),
            ]
            var flags = MHD_USE_THREAD_PER_CONNECTION.rawValue | MHD_USE_INTERNAL_POLLING_THREAD.rawValue
            // See HTTPServerAcceptor: with a listening socket libmicrohttpd spins when no descriptor is left.
            flags |= MHD_USE_NO_LISTEN_SOCKET.rawValue
            flags |= MHD_USE_POLL.rawValue | MHD_USE_ITC.rawValue | MHD_USE_SUPPRESS_DATE_NO_CLOCK.rawValue
            if let certificate, let key {
                flags |= MHD_USE_TLS.rawValue
                options.append(MHD_OptionItem(option: .HTTPS_MEM_CERT, value: 0, ptr_value: certificate))
                options.append(MHD_OptionItem(option: .HTTPS_MEM_KEY, value: 0, ptr_value: key))
                if let clientCA {
                    options.append(MHD_OptionItem(option: .HTTPS_MEM_TRUST, value: 0, ptr_value: clientCA))
                }
            }
            options.append(MHD_OptionItem(option: .END, value: 0, ptr_value: nil))

            // The daemon's threads inherit the mask: signals go to the threads that expect them.
            // (sigset_t() itself is a member of whichever C module came first, so it is not called here.)
            let masks = UnsafeMutablePointer<sigset_t>.allocate(capacity: 2)
            defer { masks.deallocate() }
            sigfillset(masks)
            pthread_sigmask(SIG_SETMASK, masks, masks + 1)
            let started = options.withUnsafeMutableBytes { items in
                withVaList([MHD_OPTION.ARRAY.rawValue, Int(bitPattern: items.baseAddress), MHD_OPTION.END.rawValue]) {
                    MHD_start_daemon_va(flags, 0, nil, nil, HTTPExchange.onAccess, retained.toOpaque(), $0)
                }
            }
            let code = errno
            let made = started.flatMap { server in
                try? HTTPServerAcceptor(
                    listener: listener.descriptor, server: server,
                    limit: configuration.connectionLimit + HTTPServerConnections.reserve)
            }
            pthread_sigmask(SIG_SETMASK, masks + 1, nil)
            guard let started, let made else {
                if let started { MHD_stop_daemon(started) }
                retained.release()
                close(listener.descriptor)
                if let file { unlink(file.path) }
                throw SystemError(action, code: started != nil ? EAGAIN : code == 0 ? EINVAL : code)
            }
            handle = started
            acceptor = made
            self.shared = retained
        }

        consuming func stop() {
            acceptor.stop()
            MHD_stop_daemon(handle)
            shared.release()
            guard let file else { return }
            var status = stat()
            if lstat(file.path, &status) == 0, UInt(status.st_ino) == file.inode { unlink(file.path) }
        }
    }
}
