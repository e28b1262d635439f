internal import ArgumentParser
internal import Documents
internal import GatewayModel
internal import Glibc

/// Where the gateway's files are: the flag, else the variable of the environment, else the default.
struct FolderOptions: ParsableArguments {
    @Option(
        name: .customLong("config-dir"),
        help: .init(
            "Folder of manifest.yaml and gateway.yaml (GWE_CONFIG_DIR, else /etc/gwe).", valueName: "dir"))
    var configFolder: String?

    @Option(
        name: .customLong("state-dir"),
        help: .init(
            "Folder of journal, releases and token (GWE_STATE_DIR, else /var/lib/gwe).", valueName: "dir"))
    var stateFolder: String?

    @Option(
        name: .customLong("log-dir"),
        help: .init("Folder of the apps' logs (GWE_LOG_DIR, else /var/log/gwe).", valueName: "dir"))
    var logFolder: String?

    /// The folders in force, as absolute paths.
    var folders: Folders {
        let workingFolder = currentFolder()
        func choose(_ flag: String?, _ variable: String, _ standard: String) -> String {
            for candidate in [flag, environmentVariable(variable)] {
                if let candidate, !candidate.isEmpty { return Folders.absolute(candidate, from: workingFolder) }
            }
            return standard
        }
        return Folders(
            configFolder: choose(configFolder, "GWE_CONFIG_DIR", Folders.defaultConfigFolder),
            stateFolder: choose(stateFolder, "GWE_STATE_DIR", Folders.defaultStateFolder),
            logFolder: choose(logFolder, "GWE_LOG_DIR", Folders.defaultLogFolder))
    }
}

/// How the answer is written.
struct OutputOptions: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print JSON, one document or, for long work, one object a line.")
    var json = false
}

/// A variable of the environment; nil when it is not set.
func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}

/// The working folder; `/` when it cannot be told, as when it was removed.
func currentFolder() -> String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
}

/// Writes a message for people to standard error. Whatever text of others it holds, a terminal shows it and does nothing.
func tell(_ message: String) {
    writeAll(Painted.safe(message) + "\n", to: STDERR_FILENO)
}

/// Writes what gwe says, for people or as JSON, to standard output. Text of others in it is made safe (``TerminalText``).
func emit(_ text: String) {
    writeAll(Painted.safe(text) + "\n", to: STDOUT_FILENO)
}

/// Writes others' data to standard output: as it is for a program that reads it, made safe where a terminal shows it.
func emitData(_ text: String) {
    writeAll((isatty(STDOUT_FILENO) == 1 ? TerminalText.safe(text) : text) + "\n", to: STDOUT_FILENO)
}

/// Writes all of it. Of standard output a failure is kept (``StandardOutput``), of any other descriptor it is none.
func writeAll(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
        if descriptor == STDOUT_FILENO {
            StandardOutput.write(UnsafeRawBufferPointer(bytes))
            return
        }
        var rest = UnsafeRawBufferPointer(bytes)
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = write(descriptor, base, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }
}

/// Colours of gwe's own in text that also holds text of others. A colour is marked by a number that nobody can guess,
/// and becomes an escape sequence only when all else has been made safe.
enum Painted {
    private static let begin: Unicode.Scalar = "\u{E000}"
    private static let end: Unicode.Scalar = "\u{E001}"
    private static let secret = String(UInt64.random(in: 0...UInt64.max))

    static func wrap(_ text: String, _ code: String) -> String {
        "\(begin)\(secret);\(code)\(end)\(text)\(begin)\(secret);0\(end)"
    }

    /// The text for a terminal: only what ``wrap(_:_:)`` has marked is an escape sequence.
    static func safe(_ text: String) -> String {
        let text = TerminalText.safe(text)
        guard text.utf8.contains(0xEE) else { return text }
        var pieces = text.unicodeScalars.split(separator: begin, omittingEmptySubsequences: false)[...]
        var out = String(pieces.removeFirst())
        for piece in pieces {
            let parts = piece.split(separator: end, maxSplits: 1, omittingEmptySubsequences: false)
                .map { String($0) }
            if parts.count == 2, parts[0].hasPrefix(secret + ";") {
                out += "\u{1B}[\(parts[0].dropFirst(secret.count + 1))m\(parts[1])"
            } else {
                out.unicodeScalars.append(begin)
                out += String(piece)
            }
        }
        return out
    }
}
