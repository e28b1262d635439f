internal import GatewayModel
internal import GatewaySystem

/// What the journal remembers of values in the cloud.
extension Journal {
    /// Where it keeps the digest of a value that was taken and stays in the cloud.
    static let takenKeys: [CloudResource: String] = [
        .engineFetch: "engine_fetch_manifest", .configOtau: "config_otau",
    ]

    /// Where it keeps the interval that the cloud set, in seconds; it is cleared there.
    static let intervalKey = "update_interval"

    /// What decides whether a value is news.
    func cloudMemory() throws(JournalError) -> CloudMemory {
        var memory = CloudMemory()
        for resource in CloudResource.inputs {
            memory[resource] = CloudMemory.Entry(
                taken: try Journal.takenKeys[resource].flatMap { key throws(JournalError) in try value(key) },
                refused: try problemDigest(source: resource.rawValue),
                uncleared: try unclearedCommands(resource: resource).last.map { SHA256.hex(of: $0.text.utf8) })
        }
        return memory
    }

    /// Remembers, or with nil forgets, what was taken of a resource and stays there.
    func setTaken(_ resource: CloudResource, _ digest: String?) throws(JournalError) {
        try write { (c: inout DatabaseConnection) throws(DatabaseError) in try c.setTaken(resource, digest) }
    }
}

extension DatabaseConnection {
    mutating func setTaken(_ resource: CloudResource, _ digest: String?) throws(DatabaseError) {
        if let key = Journal.takenKeys[resource] { try setValue(key, digest) }
    }
}
