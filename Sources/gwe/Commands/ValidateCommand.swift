internal import ArgumentParser
internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Wire

struct ValidateCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check manifests and engine_fetch values; says what is wrong, where, and what was expected.",
        discussion: "Ends with 0 when all are good, 65 when one is wrong, 66 when one cannot be read.")

    static let examples: [(line: String, does: String)] = [
        ("gwe validate /etc/gwe/manifest.yaml", "before it is put in force"),
        ("gwe validate command.json", "what is to be written to engine_fetch"),
    ]

    @OptionGroup var output: OutputOptions

    @Argument(help: "Manifests (YAML or JSON), or install commands (JSON).")
    var files: [String]

    func run() throws {
        var worst = ExitStatus.success
        for file in files {
            let (status, problems) = check(file)
            if status != .success, worst != .badInput { worst = status }
            if output.json {
                emit(ValidationLine(file: file, problems: problems).jsonText())
            } else if problems.isEmpty {
                emit("\(file): good")
            } else {
                for problem in problems { tell(problem) }
            }
        }
        throw finish(worst)
    }

    private func check(_ file: String) -> (ExitStatus, [String]) {
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try AtomicFile.read(file, limit: 1 << 20) } catch {
            return (.noInput, ["\(error)"])
        }
        do throws(DocumentErrors) {
            if isCommand(bytes, file) {
                _ = try EngineFetch.decode(String(decoding: bytes, as: UTF8.self), source: file, yaml: YAML.read)
            } else {
                _ = try ManifestDecoder.decode(bytes, source: file, kind: .local, yaml: YAML.read)
            }
            return (.success, [])
        } catch {
            return (.badInput, error.errors.map(\.description))
        }
    }

    /// An object with `install` or `remove` and no schema is a command.
    private func isCommand(_ bytes: [UInt8], _ file: String) -> Bool {
        guard let node = try? JSON.parse(bytes, source: file) else { return false }
        return node["schema"] == nil && (node["install"] != nil || node["remove"] != nil)
    }
}
