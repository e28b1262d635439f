internal import Documents

/// The name of an app: `[A-Za-z0-9_-]+`, at most 64 characters, so that it is safe as a file name.
public struct AppName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// As it was written; `A` and `a` are two apps.
    public let text: String

    /// nil when the text is no app name.
    public init?(_ text: String) {
        let allowed = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard allowed, (1...64).contains(text.utf8.count) else { return nil }
        self.text = text
    }

    /// The name itself.
    public var description: String { text }
    /// By the name's characters, which are all ASCII: upper case before lower case.
    public static func < (a: AppName, b: AppName) -> Bool { a.text < b.text }
}

/// The version of an app: an opaque label of 1 to 128 bytes, not `.` or `..`, without `/`, white space, characters that
/// cannot be seen, and quotation marks that a word processor put there (`DocumentText.isNeverMeant`).
public struct Version: Sendable, Hashable, CustomStringConvertible {
    /// As it was written. Two versions are equal only if their texts are.
    public let text: String

    /// nil when the text is no version.
    public init?(_ text: String) {
        let bad = text.unicodeScalars.contains { scalar in
            switch scalar.value {
            case 0x21...0x7E: scalar == "/"
            case ..<0x80: true
            default: scalar.properties.isWhitespace || DocumentText.isNeverMeant(scalar)
            }
        }
        guard !bad, (1...128).contains(text.utf8.count), text != ".", text != ".." else { return nil }
        self.text = text
    }

    /// A version that gwe has kept: one that an earlier gwe took by wider rules is one still. nil for a text that can be no
    /// part of a file's name.
    public init?(stored text: String) {
        guard (1...255).contains(text.utf8.count), text != ".", text != "..",
            !text.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") })
        else { return nil }
        self.text = text
    }

    /// The label itself.
    public var description: String { text }

    /// How one version stands to another.
    public enum Order: Sendable { case older, same, newer, unordered }

    /// Dotted numbers (`1.2.10`) compare numerically, a missing part counting as 0, with semver's pre-release rule
    /// (https://semver.org, 11); any other two labels have no order.
    public func order(to other: Version) -> Order {
        if text == other.text { return .same }
        guard let a = Dotted(text), let b = Dotted(other.text) else { return .unordered }
        return a < b ? .older : b < a ? .newer : .same
    }
}

/// `1.2.3-rc.1+build` as numbers and pre-release identifiers.
private struct Dotted: Comparable {
    var numbers: [UInt64] = []
    var prerelease: [Substring] = []

    init?(_ text: String) {
        let withoutBuild = text.prefix { $0 != "+" }
        let core = withoutBuild.prefix { $0 != "-" }
        for part in core.split(separator: ".", omittingEmptySubsequences: false) {
            guard part.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let number = UInt64(part)
            else { return nil }
            numbers.append(number)
        }
        while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
        if core.endIndex != withoutBuild.endIndex {
            prerelease = withoutBuild[withoutBuild.index(after: core.endIndex)...]
                .split(separator: ".", omittingEmptySubsequences: false)
        }
    }

    static func < (a: Dotted, b: Dotted) -> Bool {
        if a.numbers != b.numbers { return a.numbers.lexicographicallyPrecedes(b.numbers) }
        if a.prerelease.isEmpty || b.prerelease.isEmpty { return !a.prerelease.isEmpty && b.prerelease.isEmpty }
        return a.prerelease.lexicographicallyPrecedes(b.prerelease) { x, y in
            switch (UInt64(x), UInt64(y)) {
            case (let i?, let j?): i < j
            case (.some, nil): true
            case (nil, .some): false
            case (nil, nil): x < y
            }
        }
    }
}

/// A SHA-256 digest (FIPS 180-4), written as 64 lower-case hex digits.
public struct Digest: Sendable, Hashable, CustomStringConvertible {
    /// 64 hex digits, in lower case.
    public let hex: String

    /// nil unless the text is 64 hex digits; upper case is folded.
    public init?(_ text: String) {
        var hasUpperCase = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): break
            case UInt8(ascii: "A")...UInt8(ascii: "F"): hasUpperCase = true
            default: return nil
            }
        }
        guard text.utf8.count == 64 else { return nil }
        hex = hasUpperCase ? text.lowercased() : text
    }

    /// Of an artifact that nobody has: sixty-four zeros, which no artifact hashes to.
    public static let unknown = Digest(zeros: 64)
    private init(zeros count: Int) { hex = String(repeating: "0", count: count) }

    /// All 64 digits; `short` is for people.
    public var description: String { hex }

    /// The first 8 digits, for people; programs compare whole digests (D16).
    public var short: String { String(hex.prefix(8)) }
}
