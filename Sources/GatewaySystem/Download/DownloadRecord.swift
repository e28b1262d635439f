internal import Glibc

/// What is known of a partial file: which content it is the beginning of, and how much of it power loss cannot take.
///
/// It lies beside the file as `<path>.origin`, and is always whole or absent (`AtomicFile`); its last line is the
/// digest of the others, so that a damaged one counts as absent.
struct DownloadRecord: Equatable {
    /// SHA-256 of the URL, which itself may hold secrets.
    var urlDigest = ""
    /// The URL for people, without secrets.
    var origin = ""
    var validator: String?
    var etag: String?
    var modified: String?
    var total: Int64?
    /// The boot in which the file was last written. In the same one, every byte that was written is there; after
    /// another boot only the first `durableByteCount` are (the rest may be zeros).
    var boot = ""
    var durableByteCount: Int64 = 0
    /// The digest of the whole content, once it is there.
    var completeDigest: String?

    private static let magic = "gwe download 1"

    var text: String {
        var lines = [DownloadRecord.magic, "url \(urlDigest)", "origin \(DownloadRecord.oneLine(origin))"]
        if let validator { lines.append("validator \(DownloadRecord.oneLine(validator))") }
        if let etag { lines.append("etag \(DownloadRecord.oneLine(etag))") }
        if let modified { lines.append("modified \(DownloadRecord.oneLine(modified))") }
        if let total { lines.append("total \(total)") }
        lines.append("boot \(boot)")
        lines.append("durable \(durableByteCount)")
        if let completeDigest { lines.append("complete \(completeDigest)") }
        let body = lines.joined(separator: "\n") + "\n"
        return body + "check \(SHA256.hex(of: Array(body.utf8)))\n"
    }

    init() {}

    /// nil for anything that `text` has not made.
    init?(text: String) {
        guard let check = text.range(ofLast: "check ") else { return nil }
        let body = text[..<check]
        guard text[check...] == "check \(SHA256.hex(of: Array(body.utf8)))\n" else { return nil }
        let lines = body.split(separator: "\n")
        guard lines.first == DownloadRecord.magic[...] else { return nil }
        for line in lines.dropFirst() {
            guard let space = line.firstIndex(of: " ") else { return nil }
            let value = String(line[line.index(after: space)...])
            switch line[..<space] {
            case "url": urlDigest = value
            case "origin": origin = value
            case "validator": validator = value
            case "etag": etag = value
            case "modified": modified = value
            case "total": total = Int64(value)
            case "boot": boot = value
            case "durable": durableByteCount = max(0, Int64(value) ?? 0)
            case "complete": completeDigest = value
            default: return nil
            }
        }
    }

    /// nil when there is none, or none that is sound.
    static func read(_ path: String) -> DownloadRecord? {
        guard let bytes = try? AtomicFile.read(path, limit: 64 << 10) else { return nil }
        return DownloadRecord(text: String(decoding: bytes, as: UTF8.self))
    }

    func write(_ path: String, isDurable: Bool = true) throws(SystemError) {
        try AtomicFile.write(text, to: path, mode: 0o600, isDurable: isDurable)
    }

    /// Line breaks and other control characters end a value.
    private static func oneLine(_ text: String) -> String {
        String(text.unicodeScalars.prefix { $0.value >= 0x20 && $0.value != 0x7F }.map(Character.init).prefix(4096))
    }

    /// A strong entity tag (RFC 9110, 8.8.3): the only one that stands for the very same bytes.
    var strongTag: String? { etag.flatMap { $0.hasPrefix("W/") ? nil : $0 } }

    /// Whether something tells this content from another one of the same size.
    var isConfirmable: Bool { validator != nil || etag != nil || modified != nil }
}

extension String {
    /// Where the last line begins, if it begins with `prefix`.
    fileprivate func range(ofLast prefix: String) -> Index? {
        guard last == "\n" else { return nil }
        let start = dropLast().lastIndex(of: "\n").map { index(after: $0) } ?? startIndex
        return self[start...].hasPrefix(prefix) ? start : nil
    }
}
