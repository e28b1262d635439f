public import Documents
public import GatewayModel

extension String: WireValue {
    /// The text.
    public var json: JSONValue { .string(self) }

    /// Reads a string.
    public init(json: JSONValue) throws(WireError) {
        guard let text = json.string else { throw WireError(expected: "a string", found: json) }
        self = text
    }
}

extension Bool: WireValue {
    /// `true` or `false`.
    public var json: JSONValue { .bool(self) }

    /// Reads a boolean.
    public init(json: JSONValue) throws(WireError) {
        guard let flag = json.bool else { throw WireError(expected: "true or false", found: json) }
        self = flag
    }
}

extension Int64: WireValue {
    /// The number.
    public var json: JSONValue { .int(self) }

    /// Reads an integer.
    public init(json: JSONValue) throws(WireError) {
        guard let number = json.int else { throw WireError(expected: "an integer", found: json) }
        self = number
    }
}

extension Int32: WireValue {
    /// The number.
    public var json: JSONValue { .int(Int64(self)) }

    /// Reads an integer that 32 bits hold.
    public init(json: JSONValue) throws(WireError) {
        guard let number = json.int.flatMap(Int32.init(exactly:)) else {
            throw WireError(expected: "an integer of 32 bits", found: json)
        }
        self = number
    }
}

extension Int: WireValue {
    /// The number.
    public var json: JSONValue { .int(Int64(self)) }

    /// Reads an integer.
    public init(json: JSONValue) throws(WireError) {
        guard let number = json.int.flatMap(Int.init(exactly:)) else {
            throw WireError(expected: "an integer", found: json)
        }
        self = number
    }
}

extension Double: WireValue {
    /// The number; null for infinity and for what is no number.
    public var json: JSONValue { .double(self) }

    /// Reads a number.
    public init(json: JSONValue) throws(WireError) {
        switch json {
        case .double(let number): self = number
        case .int(let number): self = Double(number)
        default: throw WireError(expected: "a number", found: json)
        }
    }
}

extension Array: WireValue where Element: WireValue {
    /// The list.
    public var json: JSONValue { .array(map(\.json)) }

    /// Reads a list.
    public init(json: JSONValue) throws(WireError) {
        guard let elements = json.elements else { throw WireError(expected: "a list", found: json) }
        self = []
        reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            do throws(WireError) { append(try Element(json: element)) } catch { throw error.under(index) }
        }
    }
}

extension AppName: WireValue {
    /// The name as a string.
    public var json: JSONValue { .string(text) }

    /// Reads a string that is an app's name.
    public init(json: JSONValue) throws(WireError) {
        guard let name = json.string.flatMap(AppName.init) else {
            throw WireError(expected: "an app's name", found: json)
        }
        self = name
    }
}

extension Version: WireValue {
    /// The version as a string.
    public var json: JSONValue { .string(text) }

    /// Reads a string that is a version.
    public init(json: JSONValue) throws(WireError) {
        guard let version = json.string.flatMap(Version.init(stored:)) else {
            throw WireError(expected: "a version", found: json)
        }
        self = version
    }
}

extension Digest: WireValue {
    /// 64 hex digits.
    public var json: JSONValue { .string(hex) }

    /// Reads a string of 64 hex digits.
    public init(json: JSONValue) throws(WireError) {
        guard let digest = json.string.flatMap(Digest.init) else {
            throw WireError(expected: "a SHA-256 digest in hex", found: json)
        }
        self = digest
    }
}

extension ExitStatus: WireValue {
    /// The number.
    public var json: JSONValue { .int(Int64(rawValue)) }

    /// Reads an exit status. One that this version does not know counts as 70, an error in gwe itself.
    public init(json: JSONValue) throws(WireError) {
        self = ExitStatus(rawValue: try Int32(json: json)) ?? .internalError
    }
}
