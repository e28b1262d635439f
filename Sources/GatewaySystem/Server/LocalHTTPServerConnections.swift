internal import Glibc
internal import Synchronization

/// The connections of a server, so that idle ones lock nobody out: a place is worth most to whoever asks something.
///
/// When more are open than the server serves at once, the one that has waited longest without a complete request is given
/// up; the newest, if all others are being answered. Entries are by the address of libmicrohttpd's object.
final class HTTPServerConnections: Sendable {
    private struct Entry: Sendable {
        var descriptor: Int32
        /// Since when it has had no complete request.
        var idleSince: MonotonicTime?
        var isGivenUp = false
    }

    private let limit: Int
    private let patience: Duration?
    private let entries = Lock<[UInt: Entry]>([:])

    /// A few more are taken: those that are given up have to end before their places are free.
    static let reserve = 16

    /// - Parameter patience: how long a complete request may take to come once another connection is made; nil: any time.
    init(limit: Int, patience: Duration?) {
        self.limit = limit
        self.patience = patience
    }

    func opened(_ connection: UInt, descriptor: Int32) {
        entries.withLock { entries in
            let now = MonotonicTime.now
            entries[connection] = Entry(descriptor: descriptor, idleSince: now)
            if let patience {
                for (key, entry) in entries {
                    if let since = entry.idleSince, since.duration(to: now) > patience { giveUp(key, &entries) }
                }
            }
            guard entries.count(where: { !$0.value.isGivenUp }) > limit else { return }
            let idle = entries.compactMap { key, entry in
                entry.isGivenUp ? nil : entry.idleSince.map { (key: key, since: $0) }
            }
            if let oldest = idle.min(by: { $0.since < $1.since }) { giveUp(oldest.key, &entries) }
        }
    }

    /// A complete request is there.
    func isServed(_ connection: UInt) { entries.withLock { $0[connection]?.idleSince = nil } }

    /// It was answered.
    func isIdle(_ connection: UInt) { entries.withLock { $0[connection]?.idleSince = .now } }

    /// Called before libmicrohttpd closes the descriptor, so that no other file has got its number.
    func closed(_ connection: UInt) { entries.withLock { $0[connection] = nil } }

    /// Wakes the connection's thread, which finds its peer gone.
    private func giveUp(_ key: UInt, _ entries: inout [UInt: Entry]) {
        guard let entry = entries[key], !entry.isGivenUp else { return }
        entries[key]?.isGivenUp = true
        shutdown(entry.descriptor, Int32(SHUT_RDWR))
    }
}
