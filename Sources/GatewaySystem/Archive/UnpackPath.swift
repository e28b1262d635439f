internal import Documents

/// A path of an archive, cut into components and checked.
struct UnpackPath {
    /// Without empty ones and `.`; empty for the root itself.
    let components: [ArraySlice<UInt8>]

    init(_ bytes: [UInt8], limits: UnpackLimits) throws(UnpackError) {
        func refused(_ reason: String) -> UnpackError { .refused(entry: Self.printable(bytes), reason: reason) }
        guard bytes.first != 47 else { throw refused("its path is absolute; pack it with relative names") }
        guard bytes.count <= limits.pathByteCount else {
            throw refused("its path is longer than \(limits.pathByteCount) bytes; shorten it")
        }
        guard !bytes.contains(0) else { throw refused("its name holds a NUL; rename it") }
        guard !bytes.contains(where: { $0 < 32 || $0 == 127 }) else {
            throw refused("its name holds control characters; rename it")
        }
        components = bytes.split(separator: 47).filter { !$0.elementsEqual([46]) }
        for component in components {
            guard !component.elementsEqual([46, 46]) else {
                throw refused("its path has '..' in it; pack it from its own folder")
            }
            guard component.count <= 255 else {
                throw refused("a name in its path is longer than 255 bytes; shorten it")
            }
        }
        guard components.count <= limits.pathDepth else {
            throw refused("it lies more than \(limits.pathDepth) folders deep; pack it flatter")
        }
    }

    static func joined(_ components: some Collection<ArraySlice<UInt8>>) -> [UInt8] {
        Array(components.joined(separator: [47]))
    }

    /// Bytes as text for a message: control characters as `\x0a`, others that nobody sees as `<U+202E>`, and not more of a
    /// name than a line holds.
    static func printable(_ bytes: some Collection<UInt8>) -> String {
        var text = ""
        for scalar in String(decoding: bytes.prefix(200), as: UTF8.self).unicodeScalars {
            if scalar.value < 32 || (127..<160).contains(scalar.value) {
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            } else if ForeignText.isUnsafe(scalar) {
                text += ForeignText.shown(scalar)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return bytes.count > 200 ? text + "…" : text
    }
}
