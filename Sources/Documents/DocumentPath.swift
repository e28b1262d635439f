/// A way into a document: `apps.web.requires[0]`. Keys that are no plain words are quoted.
public struct DocumentPath: Sendable, Hashable, CustomStringConvertible {
    /// `apps.web.requires[0]`; empty for the root.
    public private(set) var description: String

    /// The document itself.
    public static let root = DocumentPath(description: "")

    private init(description: String) { self.description = description }

    /// The way to the value of a key. A key of anything but letters, digits, `_` and `-`, or of more than 64 bytes, is
    /// quoted.
    public func child(_ key: String) -> DocumentPath {
        let plain = key.utf8.count <= 64 && !key.isEmpty && key.utf8.allSatisfy(DocumentPath.isWord)
        let part = plain ? key : DocumentText.quoted(key)
        return DocumentPath(description: description.isEmpty ? part : "\(description).\(part)")
    }

    /// The way to an element of a list, counted from 0.
    public func child(_ index: Int) -> DocumentPath { DocumentPath(description: "\(description)[\(index)]") }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension DocumentText {
    /// A foreign text as it may stand in a message: quoted, with an escape such as `\u200b` for each character that cannot
    /// be seen, at most 60 characters.
    public static func quoted(_ text: String) -> String {
        let head = text.unicodeScalars.prefix(60)
        let short = String(String.UnicodeScalarView(head))
        let cut = head.endIndex != text.unicodeScalars.endIndex
        var result = ""
        for scalar in JSONValue.string(cut ? short + "…" : short).text().unicodeScalars {
            guard isInvisible(scalar) else {
                result.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(Character(scalar)).utf16 {
                let hex = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }
        }
        return result
    }
}
