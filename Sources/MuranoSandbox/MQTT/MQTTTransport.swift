internal import CTLSServer
internal import GatewaySystem
internal import Glibc

/// The certificate that all TLS connections of a listener show, and whose clients' certificates it believes.
final class MQTTTLS: Sendable {
    fileprivate nonisolated(unsafe) let handle: OpaquePointer

    /// PEM texts.
    init(certificate: String, privateKey: String, clientCA: String?) throws {
        var reason = [CChar](repeating: 0, count: 256)
        let handle =
            if let clientCA {
                ctls_server_new(certificate, privateKey, clientCA, &reason, reason.count)
            } else {
                ctls_server_new(certificate, privateKey, nil, &reason, reason.count)
            }
        guard let handle else {
            let bytes = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw SandboxError.badCertificate(String(decoding: bytes, as: UTF8.self))
        }
        self.handle = handle
    }

    deinit { ctls_server_free(handle) }
}

/// The bytes of one connection, with or without TLS. Used by one thread; nothing here blocks.
final class MQTTTransport {
    enum Outcome {
        case bytes(Int)
        /// Nothing can be done until the socket has bytes, or room.
        case wait(forRoom: Bool)
        case ended
    }

    let descriptor: Int32
    private let tls: MQTTTLS?
    private let session: OpaquePointer?

    /// Takes over a non-blocking socket.
    init(descriptor: Int32, tls: MQTTTLS?) {
        self.descriptor = descriptor
        self.tls = tls
        session = tls.flatMap { ctls_session_new($0.handle, descriptor) }
    }

    deinit {
        ctls_session_free(session)
        close(descriptor)
    }

    /// `.bytes` when it is done.
    func handshake() -> Outcome {
        guard let session else { return tls == nil ? .bytes(0) : .ended }
        return outcome(Int(ctls_handshake(session)))
    }

    /// Without bytes at the end of the stream, `.ended`.
    func read(_ buffer: inout [UInt8]) -> Outcome {
        let count =
            if let session {
                buffer.withUnsafeMutableBytes { ctls_read(session, $0.baseAddress, $0.count) }
            } else {
                buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            }
        return count == 0 ? .ended : outcome(count)
    }

    func write(_ bytes: ArraySlice<UInt8>) -> Outcome {
        if let session { return outcome(bytes.withUnsafeBytes { ctls_write(session, $0.baseAddress, $0.count) }) }
        let count = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count < 0, errno == EAGAIN { return .wait(forRoom: true) }
        return outcome(count)
    }

    private func outcome(_ count: Int) -> Outcome {
        if count >= 0 { return .bytes(count) }
        guard let session else { return errno == EAGAIN || errno == EINTR ? .wait(forRoom: false) : .ended }
        return count == CTLS_AGAIN ? .wait(forRoom: ctls_waits_for_room(session) != 0) : .ended
    }

    /// Nothing more will be written.
    func finishWriting() {
        if let session { ctls_goodbye(session) }
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// The common name of the certificate that the client has shown and the handshake has verified.
    var clientName: String? {
        guard let session else { return nil }
        var name = [CChar](repeating: 0, count: 256)
        let length = ctls_client_name(session, &name, name.count)
        guard length > 0 else { return nil }
        return String(decoding: name.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Wakes a thread that waits in poll(2), from any other.
final class MQTTWaker: Sendable {
    /// For poll(2).
    let descriptor: Int32
    private let writeEnd: Int32

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemError.last("make a pipe") }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (descriptor, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    func wake() { _ = withUnsafeBytes(of: UInt8(0)) { write(writeEnd, $0.baseAddress, 1) } }

    func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(descriptor, &bytes, bytes.count) > 0 {}
    }
}
