/// The bytes of a tar file as they come out of a ring: headers are copied, content is looked at in place.
final class TarStream {
    private let ring: BlockRing
    private var last: Int?
    private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Bytes taken so far.
    private(set) var position: Int64 = 0

    init(_ ring: BlockRing) { self.ring = ring }

    /// At most `limit` of the next bytes, valid until the next call; empty at the end.
    func piece(atMost limit: Int64) throws(UnpackError) -> UnsafeRawBufferPointer {
        while rest.isEmpty {
            let used = last
            last = nil
            guard let (index, bytes) = try ring.next(after: used) else {
                return UnsafeRawBufferPointer(start: nil, count: 0)
            }
            last = index
            rest = bytes
        }
        let count = Int(clamping: min(limit, Int64(rest.count)))
        defer { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
        position += Int64(count)
        return UnsafeRawBufferPointer(rebasing: rest[..<count])
    }

    /// The next bytes, as many as asked for or as there are.
    func bytes(_ count: Int) throws(UnpackError) -> [UInt8] {
        var taken: [UInt8] = []
        while taken.count < count {
            let piece = try piece(atMost: Int64(count - taken.count))
            guard !piece.isEmpty else { break }
            taken += piece
        }
        return taken
    }

    /// - Throws: when there are fewer.
    func skip(_ count: Int64) throws(UnpackError) {
        var rest = count
        while rest > 0 {
            let piece = try piece(atMost: rest)
            guard !piece.isEmpty else { throw cutOff }
            rest -= Int64(piece.count)
        }
    }

    /// The tar file ends where more must come.
    var cutOff: UnpackError { .damaged(reason: "its tar file is cut off after \(position) bytes") }

    /// Reads on to the end of the compressed data, so that its last checksum is checked too.
    /// - Throws: where anything but zeros is left.
    func drain() throws(UnpackError) {
        while true {
            let start = position
            let piece = try piece(atMost: .max)
            guard !piece.isEmpty else { return }
            guard let offset = piece.firstIndex(where: { $0 != 0 }) else { continue }
            throw .damaged(
                reason: "data after the end of its tar file at byte \(start + Int64(offset)) of what it unpacks to")
        }
    }
}
