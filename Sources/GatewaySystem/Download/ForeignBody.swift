/// What a server sends with a status of 200 when it has no package: the error page of an object store, of a proxy or of a
/// load balancer. A package is compressed, and begins with bytes that no text has.
enum ForeignBody {
    /// How much of the beginning is looked at.
    private static let byteLimit = 512

    /// "XML text (<?xml version="1.0"?>…)"; nil for what is no text.
    static func kind(of bytes: UnsafeRawBufferPointer) -> String? {
        let head = bytes.prefix(byteLimit)
        guard !head.isEmpty, head.allSatisfy(isOfText) else { return nil }
        let text = String(decoding: head, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        let shown = text.prefix(60).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return "\(name(of: text)) (\"\(shown)\(text.count > 60 ? "…" : "")\")"
    }

    private static func name(of text: Substring) -> String {
        let start = text.prefix(14).lowercased()
        if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") { return "HTML text" }
        switch text.first {
        case "<": return "XML text"
        case "{", "[": return "JSON text"
        default: return "text"
        }
    }

    /// Printable ASCII, white space, and the bytes of UTF-8 beyond ASCII.
    private static func isOfText(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x80...0xBF, 0xC2...0xF4: true
        default: false
        }
    }
}
