internal import ArgumentParser

/// The calls that crontabs and monitors make again and again, read without ArgumentParser: it finds the options of a
/// command by reflection, which was a third of a pass over twenty apps with nothing to do
/// (docs/measured.md#where-a-starts-time-goes).
///
/// Reads only what leaves no doubt. Every other word, and whatever is wrong, is ArgumentParser's to judge; what it would
/// make of these words, `FrequentCallTests` compares.
struct FrequentCall {
    private static let valued = ["--config-dir", "--state-dir", "--log-dir", "--manifest"]

    private var values: [String: String] = [:]
    private var flags: Set<String> = []
    private var operands: [String] = []

    /// The command to run; nil when ArgumentParser is to read the words.
    static func command(_ arguments: [String]) -> (any ParsableCommand)? {
        guard let name = arguments.first, name == "status" || name == "reconcile",
            let call = FrequentCall(arguments.dropFirst())
        else { return nil }
        var command = name == "status" ? call.status : call.reconcile
        // It says what is wrong together with how the command is called.
        do { try command?.validate() } catch { return nil }
        return command
    }

    private init?(_ words: ArraySlice<String>) {
        var rest = words
        while let word = rest.popFirst() {
            if Self.valued.contains(word) {
                guard let value = rest.popFirst(), !value.isEmpty, !value.hasPrefix("-"), values[word] == nil else {
                    return nil
                }
                values[word] = value
            } else if word.hasPrefix("-") {
                guard flags.insert(word).inserted else { return nil }
            } else {
                guard !word.isEmpty else { return nil }
                operands.append(word)
            }
        }
    }

    private var folders: FolderOptions {
        var options = FolderOptions()
        options.configFolder = values["--config-dir"]
        options.stateFolder = values["--state-dir"]
        options.logFolder = values["--log-dir"]
        return options
    }

    private var manifest: ManifestOption {
        var option = ManifestOption()
        option.file = values["--manifest"]
        return option
    }

    private var output: OutputOptions {
        var options = OutputOptions()
        options.json = flags.contains("--json")
        return options
    }

    private var status: (any ParsableCommand)? {
        guard operands.count <= 1, flags.isSubset(of: ["--json", "--deep", "--wishes"]) else { return nil }
        var command = StatusCommand()
        command.folders = folders
        command.manifest = manifest
        command.output = output
        command.app = operands.first
        command.deep = flags.contains("--deep")
        command.wishes = flags.contains("--wishes")
        return command
    }

    private var reconcile: (any ParsableCommand)? {
        let known: Set = ["--json", "--dry-run", "--offline", "--deep", "--quiet", "-q"]
        guard operands.isEmpty, flags.isSubset(of: known) else { return nil }
        var command = ReconcileCommand()
        command.folders = folders
        command.manifest = manifest
        command.output = output
        command.dryRun = flags.contains("--dry-run")
        command.until = nil
        command.offline = flags.contains("--offline")
        command.apps = []
        command.deep = flags.contains("--deep")
        command.quiet = flags.contains("--quiet") || flags.contains("-q")
        return command
    }
}
