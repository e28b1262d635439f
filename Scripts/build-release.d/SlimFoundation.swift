// What ArgumentParser uses of FoundationEssentials, for a gateway's executable (Scripts/build-release, D59). The real module
// would be linked as a whole with all that it names, a quarter of the executable, for two things that gwe has no use for:
// the words of a LocalizedError, which no error of gwe is, and the JSON of the hidden --experimental-dump-help, which a
// release then answers with nothing. Should ArgumentParser use more of it one day, the release build does not compile.

public protocol LocalizedError: Error {
    var errorDescription: String? { get }
}

public struct Data: Sendable {
    public let bytes: [UInt8]
}

extension String {
    public struct Encoding: Sendable {
        public static let utf8 = Encoding()
    }

    public init?(data: Data, encoding: Encoding) { self.init(validating: data.bytes, as: UTF8.self) }
}

public final class JSONEncoder {
    public struct OutputFormatting: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static let prettyPrinted = OutputFormatting(rawValue: 1)
        public static let sortedKeys = OutputFormatting(rawValue: 2)
    }

    /// There is no encoder in here.
    public struct NotThere: Error {}

    public var outputFormatting: OutputFormatting = []
    public init() {}
    public func encode<Value: Encodable>(_ value: Value) throws -> Data { throw NotThere() }
}
