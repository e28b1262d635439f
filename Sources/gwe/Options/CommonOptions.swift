internal import ArgumentParser
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

/// Writes a message for people to standard error.
func tell(_ message: String) {
    writeAll(message + "\n", to: STDERR_FILENO)
}

/// Writes data for programs to standard output.
func emit(_ text: String) {
    writeAll(text + "\n", to: STDOUT_FILENO)
}

/// Writes all of it; a reader that went away (`gwe status | head`) is no error.
func writeAll(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = write(descriptor, base, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }
}
