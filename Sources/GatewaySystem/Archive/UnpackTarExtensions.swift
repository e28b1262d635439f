/// What a header of the type `x` says of the entry that follows it (POSIX.1-2017, pax Extended Header).
///
/// Only what a package takes is read: names, the size, the time and GNU tar's notes of sparse files. Access control
/// lists, extended attributes and owners are passed over, so that none of them widens a mode.
struct TarExtensions {
    var path: [UInt8]?
    var linkPath: [UInt8]?
    var size: Int64?
    var modified: (seconds: Int64, nanoseconds: Int64)?
    var sparse = Sparse()

    /// The keys `GNU.sparse.…`.
    struct Sparse {
        var isThere = false
        var major: Int64 = 0
        var minor: Int64 = 0
        var name: [UInt8]?
        var size: Int64?
        var parts: [TarSparse.Part] = []
        /// The offset of a part whose size has not come yet (form 0.0).
        var offset: Int64?
    }

    /// Nothing said.
    init() {}

    /// - Parameters:
    ///   - bytes: records "LENGTH KEY=VALUE\n"; a value may hold any byte.
    ///   - place: where they stand in the tar file, for the message.
    init(_ bytes: [UInt8], at place: Int64) throws(UnpackError) {
        let broken = UnpackError.damaged(reason: "the pax header at byte \(place) of its tar file is damaged")
        var rest = bytes[...]
        while !rest.isEmpty {
            let digits = rest.prefix { (48..<58).contains($0) }
            guard (1...9).contains(digits.count), let length = Self.decimal(digits), length <= rest.count,
                length > digits.count + 1
            else {
                // Some programs fill up with zeros.
                guard rest.allSatisfy({ $0 == 0 }) else { throw broken }
                return
            }
            let record = rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
            let body = record.dropFirst(digits.count)
            guard body.first == 32, body.last == 10, let equals = body.firstIndex(of: 61) else { throw broken }
            let key = String(decoding: body[(body.startIndex + 1)..<equals], as: UTF8.self)
            let value = body[(equals + 1)..<(body.endIndex - 1)]
            guard try take(key, value) else { throw broken }
        }
        guard sparse.offset == nil else { throw TarSparse.broken }
    }

    /// - Returns: false where the value is none for this key.
    private mutating func take(_ key: String, _ value: ArraySlice<UInt8>) throws(UnpackError) -> Bool {
        // Without a value the header's own field counts again.
        switch key {
        case "path": path = value.isEmpty ? nil : Array(value)
        case "linkpath": linkPath = value.isEmpty ? nil : Array(value)
        case "size":
            size = Self.decimal(value)
            return size != nil || value.isEmpty
        case "mtime": modified = Self.time(value)
        case "SUN.holesdata": throw .damaged(reason: "it has a sparse file in a form that gwe does not know (\(key))")
        default:
            guard key.hasPrefix("GNU.sparse.") else { return true }
            sparse.isThere = true
            return try takeSparse(String(key.dropFirst(11)), value)
        }
        return true
    }

    private mutating func takeSparse(_ key: String, _ value: ArraySlice<UInt8>) throws(UnpackError) -> Bool {
        if key == "name" {
            sparse.name = Array(value)
            return true
        }
        if key == "map" {
            let numbers = value.split(separator: 44, omittingEmptySubsequences: false).map { Self.decimal($0) }
            guard numbers.count <= 2 * TarSparse.partLimit else { throw TarSparse.tooMany }
            guard numbers.count.isMultiple(of: 2) else { return value.isEmpty }
            for index in stride(from: 0, to: numbers.count, by: 2) {
                guard let offset = numbers[index], let size = numbers[index + 1] else { return false }
                sparse.parts.append(TarSparse.Part(offset: offset, byteCount: size))
            }
            return true
        }
        guard let number = Self.decimal(value) else { return false }
        switch key {
        case "major": sparse.major = number
        case "minor": sparse.minor = number
        case "size", "realsize": sparse.size = number
        case "offset":
            guard sparse.offset == nil else { return false }
            sparse.offset = number
        case "numbytes":
            guard let offset = sparse.offset else { return false }
            guard sparse.parts.count < TarSparse.partLimit else { throw TarSparse.tooMany }
            sparse.parts.append(TarSparse.Part(offset: offset, byteCount: number))
            sparse.offset = nil
        default: break
        }
        return true
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard (1...18).contains(digits.count) else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (48..<58).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - 48)
        }
        return value
    }

    /// Seconds since 1970, with a fraction; nil where it is none, since a time is no reason to refuse a package.
    private static func time(_ value: ArraySlice<UInt8>) -> (seconds: Int64, nanoseconds: Int64)? {
        let isNegative = value.first == 45
        let parts = (isNegative ? value.dropFirst() : value).split(separator: 46, omittingEmptySubsequences: false)
        guard let first = parts.first, let seconds = decimal(first), parts.count <= 2 else { return nil }
        var nanoseconds: Int64 = 0
        if parts.count == 2 {
            let digits = parts[1].prefix(9)
            guard let value = digits.isEmpty ? 0 : decimal(digits) else { return nil }
            nanoseconds = value
            for _ in digits.count..<9 { nanoseconds *= 10 }
        }
        guard isNegative else { return (seconds, nanoseconds) }
        return nanoseconds == 0 ? (-seconds, 0) : (-seconds - 1, 1_000_000_000 - nanoseconds)
    }
}
