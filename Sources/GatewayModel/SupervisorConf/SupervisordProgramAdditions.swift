internal import Documents

/// The keys that gwe adds to a program of supervisord's, each as a line that is read as it was meant.
struct SupervisordProgramAdditions {
    let app: AppName
    /// What the author wrote, expansions and all.
    let options: [String: String]
    let context: ServiceContext
    let source: String
    private(set) var lines: [String] = []

    init(app: AppName, options: [String: String], context: ServiceContext, source: String) {
        self.app = app
        self.options = options
        self.context = context
        self.source = source
    }

    mutating func make(_ override: ServiceOverride?, restartsAlways: Bool) throws(DocumentError) {
        let folder = directory(override)
        if options["directory"] != folder { try add("directory", folder) }
        try command(override, folder)
        try environment(override)
        if let user = override?.user { try add("user", literal(user)) }
        switch override?.restart {
        case .always: try add("autorestart", "true")
        case .onFailure: try add("autorestart", "unexpected")
        case .never: try add("autorestart", "false")
        case nil: if restartsAlways { try add("autorestart", "true") }
        }
        if let name = override?.stopSignal { try add("stopsignal", literal(name)) }
        if let timeout = override?.stopTimeout {
            let parts = timeout.components
            try add("stopwaitsecs", String(parts.seconds + (parts.attoseconds > 0 ? 1 : 0)))
        }
        try logs()
        // Whatever else says where the file lies.
        let done: Set<String> = ["directory", "command", "environment", "stdout_logfile", "stderr_logfile"]
        for (key, value) in options.sorted(by: { $0.key < $1.key }) where !done.contains(key) {
            if here(value) != value { try add(key, here(value)) }
        }
    }

    private func directory(_ override: ServiceOverride?) -> String {
        let base = literal(context.directory)
        if let folder = override?.directory {
            return folder.isEmpty || folder == "." ? base : "\(base)/\(literal(folder))"
        }
        guard let written = options["directory"].map(here), !written.isEmpty else { return base }
        return isAbsolute(written) ? written : "\(base)/\(written)"
    }

    private mutating func command(_ override: ServiceOverride?, _ folder: String) throws(DocumentError) {
        let written = override?.command.map(literal) ?? options["command"].map(here)
        guard let written, !written.isEmpty else { return try add("command", "command") }
        let located = located(written, in: folder)
        if override?.command != nil || located != options["command"] { try add("command", located) }
    }

    /// A command whose program is a relative path, with the folder before it: supervisord looks before it changes there.
    private func located(_ command: String, in folder: String) -> String {
        let word = command.prefix { !$0.isWhitespace }
        guard word.contains("/"), !isAbsolute(String(word)), !word.contains(where: { "'\"\\".contains($0) }) else {
            return command
        }
        let isPlain = !folder.contains { $0.isWhitespace || "'\"\\".contains($0) }
        return isPlain ? "\(folder)/\(command)" : "\"\(folder)/\(word)\"\(command.dropFirst(word.count))"
    }

    private mutating func environment(_ override: ServiceOverride?) throws(DocumentError) {
        var parts = try variables(context.environment)
        if var written = options["environment"].map(here) {
            while let last = written.last, last == "," || last.isWhitespace { written.removeLast() }
            if !written.isEmpty { parts.append(written) }
        }
        // On a line of its own: a comment of the author's must not swallow it.
        parts += try variables(override?.environment ?? [:])
        if !parts.isEmpty { try add("environment", parts.joined(separator: "\n,")) }
    }

    /// Each as `NAME="value"`: supervisord's reader knows no escapes, so some values have no form.
    private func variables(_ values: [String: String]) throws(DocumentError) -> [String] {
        var words: [String] = []
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            let quotes: (Character) -> Bool = { $0 == "\"" || $0 == "'" }
            let hasBoth = value.contains("\"") && value.contains("'")
            let isQuoted = value.first.map(quotes) == true || value.last.map(quotes) == true
            let isName = name.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || $0 == "_" || $0.properties.numericType != nil)
            }
            guard isName, !name.isEmpty, !hasBoth, !isQuoted, !value.unicodeScalars.contains(where: { $0.value < 32 })
            else {
                throw wrong("environment", "supervisord has no form for the value of \(name)")
            }
            let quote = value.contains("\"") ? "'" : "\""
            words.append("\(name)=\(quote)\(literal(value))\(quote)")
        }
        return words
    }

    private mutating func logs() throws(DocumentError) {
        if options["redirect_stderr"] == nil { try add("redirect_stderr", "true") }
        for stream in ["stdout", "stderr"] {
            let key = "\(stream)_logfile"
            guard let written = options[key] else {
                if stream == "stdout" { try add(key, literal("\(context.logFolder)/\(app).log")) }
                continue
            }
            let isWord = ["none", "off", "auto", "syslog"].contains(written.lowercased())
            let path = here(written)
            let whole = isWord || isAbsolute(path) ? path : literal(context.logFolder) + "/" + path
            if whole != written { try add(key, whole) }
        }
        if options["stdout_logfile_maxbytes"] == nil { try add("stdout_logfile_maxbytes", "200KB") }
        if options["stdout_logfile_backups"] == nil { try add("stdout_logfile_backups", "1") }
    }

    // MARK: one value

    private func isAbsolute(_ path: String) -> Bool {
        path.hasPrefix("/") || path.hasPrefix("~") || path.hasPrefix("%(")
    }

    /// Text that is no expansion, as supervisord's expansions want it.
    private func literal(_ text: String) -> String {
        text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
    }

    /// supervisord puts the folder of the file there, wherever the word stands (`expand_here` of its options.py).
    private func here(_ text: String) -> String {
        var result = ""
        var rest = Substring(text)
        while let percent = rest.firstIndex(of: "%") {
            result += rest[..<percent]
            rest = rest[percent...]
            if rest.hasPrefix("%(here)s") {
                result += literal(context.directory)
                rest = rest.dropFirst("%(here)s".count)
            } else {
                result += "%"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    private mutating func add(_ key: String, _ value: String) throws(DocumentError) {
        let value = SupervisordProgram.folded(PackageServiceFileLines.trimmed(Substring(value)))
        let line = "\(key)=\(value)"
        let read = try? PackageServiceFileLines("[program]\n\(line)\n", source: source).sections.first?.options
        // What the parser would cut at a comment sign or take for another key must not get into the file.
        let expected = value.split(separator: "\n").map { PackageServiceFileLines.trimmed($0) }.joined(separator: "\n")
        guard read?.count == 1, read?.first?.value == expected else {
            throw wrong(key, "supervisord's grammar has no form for '\(value)'")
        }
        lines.append(line)
    }

    private func wrong(_ key: String, _ message: String) -> DocumentError {
        DocumentError(source: source, mark: nil, path: key, message: message)
    }
}
