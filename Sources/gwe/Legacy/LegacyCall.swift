/// One old command line, read and regrouped.
struct LegacyCall {
    private(set) var notes: [String] = []
    /// Keys and values for `config set`; an empty value takes the key away.
    private var settings: [(key: String, value: String)] = []
    private var token: String?
    private var actions: [[String]] = []
    private var buildOptions: [String] = []
    private var folders: [String] = []
    private var hasBuild = false

    static let folderOptions = ["--config-dir", "--state-dir", "--log-dir"]

    /// - Returns: whether there was any old flag.
    mutating func read(_ arguments: [String]) throws(LegacyProblem) -> Bool {
        var rest = arguments[...]
        var hasFlag = false
        while let argument = rest.popFirst() {
            if Self.folderOptions.contains(argument), let value = rest.popFirst() {
                folders += [argument, value]
                continue
            }
            let (flag, glued) = LegacyFlag.split(argument)
            guard let flag else {
                // `gwe --state-dir X status` is for the argument parser to judge.
                if !hasFlag { return false }
                throw LegacyProblem("cannot combine the old flags with '\(argument)'; see 'gwe --help'")
            }
            hasFlag = true
            let written = glued == nil ? argument : String(argument.dropLast(glued?.count ?? 0).prefix { $0 != "=" })
            var values = glued.map { [$0] } ?? []
            func hasMore() -> Bool {
                rest.first.map { LegacyFlag.split($0).flag == nil && !$0.hasPrefix("--") } ?? false
            }
            switch flag.values {
            case .none: break
            case .one: if values.isEmpty, let value = rest.popFirst() { values = [value] }
            case .optional: if values.isEmpty, hasMore(), let value = rest.popFirst() { values = [value] }
            case .many: while hasMore(), let value = rest.popFirst() { values.append(value) }
            }
            if values.isEmpty, flag.values == .one || flag.values == .many {
                throw LegacyProblem("\(written) needs a value")
            }
            try take(flag, written, values)
        }
        return hasFlag
    }

    /// The commands: setters first, then what the call does.
    mutating func commands() throws(LegacyProblem) -> [[String]] {
        // `gwe --build-app F -d DEBUG` asked for detail in that call; on a developer's desk there is nothing to set.
        if !actions.isEmpty, settings.contains(where: { $0.key == "log_level" }) {
            settings.removeAll { $0.key == "log_level" }
            notes.append("gwe: note: the level is not set by a call that does something else as well")
        }
        if !buildOptions.isEmpty, !hasBuild {
            throw LegacyProblem("-n and -s name a package for --build-app BUILDFILE, which is missing")
        }
        var commands: [[String]] = []
        if !settings.isEmpty {
            commands.append(["config", "set"] + settings.flatMap { [$0.key, $0.value] })
        }
        if let token {
            commands.append(
                token.isEmpty
                    ? ["config", "unset", "token"] : ["config", "set", "--allow-token-argument", "token", token])
        }
        if !commands.isEmpty, actions.isEmpty { commands.append(["config", "show"]) }
        commands += actions.map { $0.starts(with: ["package", "build"]) ? $0 + buildOptions : $0 }
        return commands.map { $0.first == "package" || $0.first == "--version" ? $0 : $0 + folders }
    }

    private mutating func take(_ flag: LegacyFlag, _ written: String, _ values: [String]) throws(LegacyProblem) {
        let value = values.first ?? ""
        switch flag {
        case .version, .buildIdentifier: act(written, ["--version"])
        case .path: act(written, ["config", "program-path"])
        case .engineConfig, .gatewayConfig: act(written, ["config", "show"])
        case .gatewayToken: act(written, ["config", "get", "token", "--default", "''"], as: "config get token")
        case .once: act(written, ["reconcile"])
        case .install: act(written, ["install"] + values)
        case .createBuildfile: act(written, ["package", "init"] + values + ["--ask"])
        case .build:
            hasBuild = true
            act(written, ["package", "build", value])
        case .checkBuildfile, .checkTarball: act(written, ["package", "check"] + values)
        case .macAddress: act(written, ["config", "mac-address", value])
        case .setProduct, .setModel, .setVendor: try set(written, "product", value)
        case .setIdentity: try set(written, "identity", value)
        case .setInterface: try set(written, "interface", value)
        case .setUpdateInterval: try set(written, "update_interval", value)
        case .setUserAgent: try set(written, "user_agent", value)
        case .setLogLevel: try set(written, "log_level", value.lowercased())
        case .setToken:
            token = Self.isUnset(value) ? "" : value
            note(written, "config set token -", "which reads it from standard input: everybody can read a command line")
        case .setActivationRetry:
            notes.append("gwe: note: \(written) is gone: gwe itself spaces its attempts to activate")
        case .appName: buildOptions += ["--app-name", value]
        case .appVersion: buildOptions += ["--app-version", value]
        case .downloadLatest:
            throw LegacyProblem(
                "\(written) is gone: the areas it loaded from are closed; install gwe as a package of your system, "
                    + "or upload a package to the product's content area")
        }
    }

    /// Gateway Engine wrote an empty value as two quotes.
    private static func isUnset(_ value: String) -> Bool { value.isEmpty || value == "''" || value == "\"\"" }

    private mutating func set(_ written: String, _ key: String, _ value: String) throws(LegacyProblem) {
        let new = Self.isUnset(value) ? "" : value
        if let old = settings.first(where: { $0.key == key }), old.value != new {
            throw LegacyProblem(
                key == "product"
                    ? "model, vendor and product id are one thing now, and '\(old.value)' is not '\(new)'"
                    : "\(key) is given twice, as '\(old.value)' and as '\(new)'")
        }
        if new.isEmpty {
            note(written, "config unset \(key)")
        } else {
            note(written, "config set \(key) \(shown(new))")
        }
        if !settings.contains(where: { $0.key == key }) { settings.append((key, new)) }
    }

    private mutating func act(_ written: String, _ command: [String], as words: String? = nil) {
        note(written, words ?? command.map(shown).joined(separator: " "))
        actions.append(command)
    }

    private mutating func note(_ written: String, _ command: String, _ more: String? = nil) {
        notes.append("gwe: note: \(written) is now 'gwe \(command)'" + (more.map { ", \($0)" } ?? ""))
    }

    /// A word as a shell would need it.
    private func shown(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy {
                ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || "-_./:@%+=,".utf8.contains($0)
            }
        return isPlain ? word : "\"\(word)\""
    }
}
