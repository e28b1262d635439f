/// A value of one column or parameter, in SQLite's five storage classes (https://www.sqlite.org/datatype3.html).
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    /// The integer, or nil for another class.
    public var int: Int64? { if case .integer(let number) = self { number } else { nil } }
    /// The number, whether stored as an integer or a real.
    public var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .real(let number): number
        default: nil
        }
    }
    /// The text, or nil for another class.
    public var string: String? { if case .text(let text) = self { text } else { nil } }
    /// The bytes, or nil for another class.
    public var bytes: [UInt8]? { if case .blob(let bytes) = self { bytes } else { nil } }
    /// 0 and 1 are SQLite's booleans.
    public var bool: Bool? { int.map { $0 != 0 } }

    /// nil becomes NULL.
    public init(_ value: String?) { self = value.map(SQLValue.text) ?? .null }
    /// nil becomes NULL.
    public init(_ value: Int64?) { self = value.map(SQLValue.integer) ?? .null }
    /// nil becomes NULL.
    public init(_ value: [UInt8]?) { self = value.map(SQLValue.blob) ?? .null }
    /// nil becomes NULL.
    public init(_ value: Double?) { self = value.map(SQLValue.real) ?? .null }
    /// An integer.
    public init(_ value: Int) { self = .integer(Int64(value)) }
    /// 1 for true, 0 for false: SQLite has no booleans of its own.
    public init(_ value: Bool) { self = .integer(value ? 1 : 0) }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    /// A text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A real.
    public init(floatLiteral value: Double) { self = .real(value) }
    /// 1 for true, 0 for false.
    public init(booleanLiteral value: Bool) { self = .integer(value ? 1 : 0) }
    /// NULL.
    public init(nilLiteral: ()) { self = .null }
}

/// One row of a result.
public struct Row: Sendable, Hashable {
    /// The names of the columns, shared by all rows of a result.
    public let columns: [String]
    /// One value a column, in the order of `columns`.
    public let values: [SQLValue]

    /// The value of a column counted from 0; NULL beyond the last one.
    public subscript(index: Int) -> SQLValue { values.indices.contains(index) ? values[index] : .null }

    /// The value of the first column of that name; NULL if there is none.
    public subscript(name: String) -> SQLValue { columns.firstIndex(of: name).map { values[$0] } ?? .null }
}
