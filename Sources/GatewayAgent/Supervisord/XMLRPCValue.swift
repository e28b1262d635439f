/// A value of XML-RPC (http://xmlrpc.com/spec.md), of the kinds that supervisord sends: no dates, no doubles, no base64.
enum XMLRPCValue: Sendable, Hashable {
    case int(Int64)
    case bool(Bool)
    case string(String)
    case array([XMLRPCValue])
    case object([String: XMLRPCValue])
    case null

    var int: Int64? { if case .int(let value) = self { value } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var elements: [XMLRPCValue]? { if case .array(let values) = self { values } else { nil } }
    subscript(name: String) -> XMLRPCValue? { if case .object(let members) = self { members[name] } else { nil } }
}

/// A request, as the bytes of its body.
enum XMLRPCCall {
    static func encode(_ method: String, _ parameters: [XMLRPCValue]) -> [UInt8] {
        var text = "<?xml version=\"1.0\"?>\n<methodCall><methodName>\(escaped(method))</methodName><params>"
        for parameter in parameters { text += "<param>\(encode(parameter))</param>" }
        return Array((text + "</params></methodCall>\n").utf8)
    }

    private static func encode(_ value: XMLRPCValue) -> String {
        let inner =
            switch value {
            case .int(let number): "<int>\(number)</int>"
            case .bool(let flag): "<boolean>\(flag ? 1 : 0)</boolean>"
            case .string(let text): "<string>\(escaped(text))</string>"
            case .array(let values): "<array><data>\(values.map(encode).joined())</data></array>"
            case .object(let members):
                "<struct>"
                    + members.sorted { $0.key < $1.key }.map { name, value in
                        "<member><name>\(escaped(name))</name>\(encode(value))</member>"
                    }.joined() + "</struct>"
            case .null: "<nil/>"
            }
        return "<value>\(inner)</value>"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            // XML 1.0 has no form for other control characters (2.2).
            case _ where scalar.value < 32 && scalar != "\n" && scalar != "\t": result += "?"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
