internal import GatewaySystem

/// Which of the two ports at which Murano speaks MQTT with TLS (D39) to connect to next, where
/// nobody has named one: 8883, and 443 for the sake of firewalls that let nothing else out.
struct MQTTPortChoice: Sendable, Hashable {
    enum Event: Sendable, Hashable {
        /// An MQTT server has answered, be it by refusing who this is.
        case answered
        case failed(TransferError.Kind)
    }

    static let standard: UInt16 = 8883
    static let other: UInt16 = 443

    private(set) var port = MQTTPortChoice.standard
    /// Where a server answered last; 0: nowhere yet.
    private(set) var proven: UInt16 = 0

    /// After a port at which nobody answers comes the other one. At 443 there may also be somebody who speaks no MQTT:
    /// unless a server has answered there before, whatever else fails leads back.
    mutating func hear(_ event: Event) {
        switch event {
        case .answered: proven = port
        case .failed(.connect), .failed(.timeout): swap()
        // It says nothing about a port.
        case .failed(.dns), .failed(.refused), .failed(.cancelled), .failed(.clockSuspect): break
        case .failed: if port == MQTTPortChoice.other, proven != port { swap() }
        }
    }

    private mutating func swap() {
        port = port == MQTTPortChoice.standard ? MQTTPortChoice.other : MQTTPortChoice.standard
    }
}
