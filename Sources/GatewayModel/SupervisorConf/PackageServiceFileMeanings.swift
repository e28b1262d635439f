internal import Documents

/// What supervisord reads in another way than most of those mean who write it.
extension PackageServiceFileReader {
    /// Keys whose values are free texts: there a comment sign may be a part of the value.
    private static let texts = [
        "command", "environment", "directory", "process_name", "stdout_logfile", "stderr_logfile",
    ]

    /// Says what was taken for a comment, which backslashes end a line, and which characters nobody sees.
    mutating func noteText() {
        for option in section.options {
            if PackageServiceFileReader.texts.contains(option.name) { noteComments(option) }
            if option.name == "command" {
                for line in option.backslashes {
                    note(
                        "command",
                        "the backslash at the end of line \(line) puts a line break into an argument: delete it, "
                            + "indented lines belong together", at: Mark(line: line, column: 1))
                }
            }
            let odd = option.value.unicodeScalars.first {
                DocumentText.isNeverMeant($0) && $0 != "\n" && $0 != "\t"
            }
            if let odd {
                let isQuote = (0x2018...0x201F).contains(odd.value)
                note(
                    option.name,
                    "there is \(DocumentText.described(odd)) in it" + (isQuote ? ", which quotes nothing" : ""))
            }
        }
    }

    private mutating func noteComments(_ option: PackageServiceFileLines.Option) {
        for comment in option.comments where comment.text.hasPrefix("#") {
            note(
                option.name,
                "\(PackageServiceFileLines.shown(comment.text)) was taken as a comment: where it belongs to the value, "
                    + "no white space may stand before the #, as in '#'", at: comment.mark)
        }
        guard option.name == "environment" else { return }
        for comment in PackageServiceFileEnvironment.comments(in: option.value) {
            note(
                option.name,
                "\(PackageServiceFileLines.shown(comment)) was taken as a comment: quote a value that holds a #")
        }
    }

    /// Says of words that only a shell would understand; of the command as it is written, before its expansions.
    mutating func noteCommand() {
        guard let line = options["command"]?.value, let words = try? ShellWords.split(line), let program = words.first
        else { return }
        let name = program.split(separator: "/").last.map(String.init) ?? program
        if ["cd", "source", ".", "export", "set", "ulimit", "umask", "alias", "trap"].contains(program) {
            return note("command", "'\(program)' is known to a shell only: write sh -c '…; exec PROGRAM'")
        }
        if let sign = program.firstIndex(of: "="),
            program[..<sign].allSatisfy({ $0 == "_" || $0.isLetter || $0.isNumber })
        {
            return note("command", "'\(program)' sets no variable, as no shell runs: put it into environment")
        }
        let operators: Set<String> = ["&&", "||", "|", "&", ";", ">", ">>", "<", "2>&1", "2>", "1>", "&>"]
        if let word = words.dropFirst().first(where: operators.contains) {
            return note("command", "'\(word)' is an argument, as no shell runs: write sh -c 'exec …'")
        }
        let isShell = ["sh", "bash", "dash", "ash", "zsh", "busybox"].contains(name)
        // By their capitals: the topics of an MQTT broker begin with a $, too.
        let substituted = words.first { word in
            if word.hasPrefix("`") || word.hasPrefix("$(") || word.hasPrefix("${") { return true }
            let name = word.dropFirst().prefix { $0 == "_" || $0.isASCII && ($0.isUppercase || $0.isNumber) }
            return word.hasPrefix("$") && name.count > 1 && name.first?.isNumber == false && name != "SYS"
        }
        if !isShell, let substituted {
            note("command", "'\(substituted)' stays as it is, as no shell runs: write %(ENV_NAME)s or sh -c 'exec …'")
        }
    }
}
