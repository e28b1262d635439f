internal import GatewaySystem
internal import Synchronization

/// What is known of each device's connection and of the values on their way to it, while the server lives.
///
/// A device has one connection: a later one takes its place (section 3.1.4). A value that the device has not
/// acknowledged is sent again on its next connection, as a duplicate with the same identifier, as long as it is what
/// the operator wants; the clean session flag changes nothing of that, as Murano's documentation says.
final class MQTTSessions: Sendable {
    private struct Session {
        var link: MQTTLink?
        var inFlight: [UInt16: Delivery] = [:]
        var latestID: UInt16 = 0
    }

    struct Delivery: Hashable {
        var name: String
        var timestamp: Int64
    }

    private let sessions = Lock<[String: Session]>([:])

    /// Whether the device was here before.
    func attach(_ device: String, _ link: MQTTLink, unresolved: Set<Delivery>) -> Bool {
        let (earlier, wasHere) = sessions.withLock { sessions in
            var session = sessions[device] ?? Session()
            let (earlier, wasHere) = (session.link, sessions[device] != nil)
            session.link = link
            session.inFlight = session.inFlight.filter { unresolved.contains($0.value) }
            sessions[device] = session
            return (earlier, wasHere)
        }
        earlier?.end(MQTTEnd("the device has connected again", status: 409))
        return wasHere
    }

    func detach(_ device: String, _ link: MQTTLink) {
        sessions.withLock { if $0[device]?.link === link { $0[device]?.link = nil } }
    }

    /// An identifier to send a value with, and whether it has been sent with that before. nil: this connection is no
    /// longer the device's, or all identifiers are in use.
    func identifier(_ device: String, _ link: MQTTLink, for delivery: Delivery) -> (id: UInt16, isDuplicate: Bool)? {
        sessions.withLock { sessions in
            guard var session = sessions[device], session.link === link else { return nil }
            if let known = session.inFlight.first(where: { $0.value == delivery }) { return (known.key, true) }
            guard session.inFlight.count < Int(UInt16.max) else { return nil }
            repeat {
                session.latestID = session.latestID == .max ? 1 : session.latestID + 1
            } while session.inFlight[session.latestID] != nil
            session.inFlight[session.latestID] = delivery
            sessions[device] = session
            return (session.latestID, false)
        }
    }

    /// What the device has acknowledged; nil if nothing waited for that.
    func acknowledge(_ device: String, _ link: MQTTLink, _ id: UInt16) -> Delivery? {
        sessions.withLock { sessions in
            guard sessions[device]?.link === link else { return nil }
            return sessions[device]?.inFlight.removeValue(forKey: id)
        }
    }
}

/// A connection as others see it: they may wake it and end it.
final class MQTTLink: Sendable {
    let waker: MQTTWaker
    private let ending = Lock<MQTTEnd?>(nil)

    init(waker: MQTTWaker) { self.waker = waker }

    /// Why it shall end.
    var end: MQTTEnd? { ending.withLock { $0 } }

    func end(_ reason: MQTTEnd) {
        ending.withLock { if $0 == nil { $0 = reason } }
        waker.wake()
    }
}

/// Why a connection ends.
struct MQTTEnd: Error, Hashable {
    enum Manner: Hashable {
        /// What was to be sent is sent, and the peer is given time to read it.
        case orderly
        /// At once.
        case abrupt
    }
    /// For the log; nil if the peer ended it, or the server stops.
    var reason: String?
    var status = 400
    var manner = Manner.orderly

    init(_ reason: String, status: Int, manner: Manner = .orderly) {
        (self.reason, self.status, self.manner) = (reason, status, manner)
    }

    private init() { manner = .abrupt }

    static let peerLeft = MQTTEnd()
    static let stopped = MQTTEnd()
}
