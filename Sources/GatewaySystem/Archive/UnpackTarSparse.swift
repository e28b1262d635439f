/// The parts of a sparse file that have content, as GNU tar notes them ("Storing Sparse Files").
struct TarSparse {
    struct Part: Hashable {
        var offset: Int64
        var byteCount: Int64
    }

    /// More than this is no file of a package.
    static let partLimit = 1 << 18

    /// With its holes.
    var byteCount: Int64
    private var parts: [Part]
    private var index = 0
    /// Of the current part.
    private var takenCount: Int64 = 0

    /// - Parameters:
    ///   - byteCount: of the file with its holes.
    ///   - storedByteCount: of the content in the archive.
    init(byteCount: Int64, parts: [Part], storedByteCount: Int64) throws(UnpackError) {
        var end: Int64 = 0
        var sum: Int64 = 0
        for part in parts {
            let (next, overflow) = part.offset.addingReportingOverflow(part.byteCount)
            guard part.offset >= end, part.byteCount >= 0, !overflow, next <= byteCount else {
                throw .damaged(reason: "the map of a sparse file is out of order")
            }
            end = next
            sum += part.byteCount
        }
        guard sum == storedByteCount else {
            throw .damaged(reason: "the map of a sparse file does not fit its content")
        }
        self.byteCount = byteCount
        self.parts = parts
    }

    /// Where the next byte of the archive belongs, and how many belong together; nil at the end.
    mutating func next() -> Part? {
        while index < parts.count, takenCount == parts[index].byteCount {
            index += 1
            takenCount = 0
        }
        guard index < parts.count else { return nil }
        let part = parts[index]
        return Part(offset: part.offset + takenCount, byteCount: part.byteCount - takenCount)
    }

    mutating func take(_ count: Int64) { takenCount += count }

    /// The map of the form 1.0, which stands before the content in lines of digits, filled up to whole blocks.
    /// - Returns: the parts, and how many bytes of the archive it took.
    static func readMap(_ stream: TarStream, limit: Int64) throws(UnpackError) -> (parts: [Part], byteCount: Int64) {
        var takenCount: Int64 = 0
        var block: ArraySlice<UInt8> = []
        func line() throws(UnpackError) -> Int64 {
            var value: Int64 = 0
            var digitCount = 0
            while true {
                if block.isEmpty {
                    guard takenCount + Int64(TarBlock.byteCount) <= limit else { throw broken }
                    block = try stream.bytes(TarBlock.byteCount)[...]
                    guard block.count == TarBlock.byteCount else { throw stream.cutOff }
                    takenCount += Int64(block.count)
                }
                guard let byte = block.popFirst() else { throw broken }
                if byte == 10, digitCount > 0 { return value }
                guard (48..<58).contains(byte), digitCount < 18 else { throw broken }
                value = value * 10 + Int64(byte - 48)
                digitCount += 1
            }
        }
        let count = try line()
        guard count <= partLimit else { throw tooMany }
        var parts: [Part] = []
        for _ in 0..<count { parts.append(Part(offset: try line(), byteCount: try line())) }
        return (parts, takenCount)
    }

    static var broken: UnpackError { .damaged(reason: "the map of a sparse file is damaged") }
    static var tooMany: UnpackError { .tooLarge(reason: "a sparse file in it has more than \(partLimit) parts") }
}
