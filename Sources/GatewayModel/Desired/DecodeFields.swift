internal import Documents

/// Readings that several mappings share.
extension Field {
    enum DurationRule { case zeroAllowed, positive, wholeSeconds }

    func duration(_ rule: DurationRule) -> Duration? {
        let read = node.string.flatMap(Quantities.duration) ?? node.wholeNumber.flatMap(Field.seconds)
        guard let duration = read else {
            expected("\(Quantities.durationForm), at most 3650d")
            return nil
        }
        switch rule {
        case .zeroAllowed: return duration
        case .positive where duration > .zero: return duration
        case .wholeSeconds where UpdateInterval.checked(duration) != nil: return duration
        case .positive: expected("a duration longer than zero")
        case .wholeSeconds: expected("a duration of whole seconds, at least 1s")
        }
        return nil
    }

    private static func seconds(_ number: Int64) -> Duration? {
        number >= 0 && number <= Quantities.longestDuration.components.seconds ? .seconds(number) : nil
    }

    /// Bytes, or bytes a second: a plain number, or a text that `read` understands; at least 1.
    func amount(_ form: String, _ read: (String) -> Int64?) -> Int64? {
        let number = node.string.flatMap(read) ?? node.wholeNumber
        if let number, number >= 1, node.string != nil || number <= Field.largestInteger { return number }
        let isAmbiguous = node.string?.holds("KB") == true
        report(
            "expected \(form), at least 1, found \(node.found)\(isAmbiguous ? "; write KiB (1024) or kB (1000)" : "")")
        return nil
    }

    func appName() -> AppName? {
        guard let text = string("an app's name") else { return nil }
        guard let name = AppName(text) else {
            let remark = DocumentText.remark(on: text, beyondASCII: true)
            report("\(DocumentText.quoted(text)) is no app's name: \(AppName.form)\(remark)")
            return nil
        }
        return name
    }

    func digest() -> Digest? {
        guard let text = string("64 hex digits") else { return nil }
        guard let digest = Digest(text) else {
            let count = text.unicodeScalars.count
            let other = text.unicodeScalars.first { !$0.isASCII || Character($0).hexDigitValue == nil }
            let found = other.map { ", and \(DocumentText.described($0)) among them" } ?? ""
            report("expected 64 hex digits, found \(count) characters\(found)")
            return nil
        }
        return digest
    }

    /// A version is a label: `1.10` as a number would lose its zero, so numbers are refused with the advice to quote.
    func version() -> Version? {
        if node.string == nil, let text = node.text, !text.isEmpty {
            report("a version is a text, found \(node.kind); quote it: \(DocumentText.quoted(text))")
            return nil
        }
        guard let text = string("a version") else { return nil }
        guard let version = problems.isStored ? Version(stored: text) : Version(text) else {
            let remark = DocumentText.remark(on: text)
            report("\(DocumentText.quoted(text)) is no version: \(Version.form)\(remark)")
            return nil
        }
        return version
    }

    /// A URL of the two schemes gwe fetches from. White space and characters beyond ASCII must be percent-encoded; a
    /// user name or password would end up in logs and plans.
    func httpURL() -> String? {
        guard let text = string("an http or https URL") else { return nil }
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            expected("an http or https URL")
            return nil
        }
        let parts = WebAddressParts(text)
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            let remark = DocumentText.remark(on: text, beyondASCII: true)
            report("a URL has no white space and only ASCII: percent-encode the rest\(remark)")
            return nil
        }
        guard !parts.authority.isEmpty, parts.user == nil else {
            report(parts.authority.isEmpty ? "the URL names no host" : "a URL must not carry a user name or password")
            return nil
        }
        return text
    }

    /// An absolute path of a file, or one relative to a folder, that cannot climb with `..`.
    func filePath(absolute: Bool) -> String? {
        let what = absolute ? "an absolute path of a file" : "a path relative to the release"
        guard let text = string(what) else { return nil }
        guard text.hasPrefix("/") == absolute, !text.isEmpty, !absolute || !text.hasSuffix("/") else {
            expected(what)
            return nil
        }
        guard !text.split(separator: "/").contains("..") else {
            report("a path must not contain \"..\", found \(DocumentText.quoted(text))")
            return nil
        }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            report("a path must not contain control characters, found \(DocumentText.quoted(text))")
            return nil
        }
        return text
    }

    /// A command line; anything but white space.
    func command() -> String? {
        guard let text = string("a command line") else { return nil }
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            report("expected a command line, found only white space")
            return nil
        }
        return text
    }
}

extension AppName {
    static let form = "a name is 1 to 64 of the characters A-Z a-z 0-9 _ -"
}

extension Version {
    static let form = "a version is 1 to 128 bytes without /, white space and control characters, and not . or .."
}
