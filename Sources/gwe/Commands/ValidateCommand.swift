internal import ArgumentParser
internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Glibc
internal import Wire

struct ValidateCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract:
            "Check manifests and values of engine_fetch and config_otau; says what is wrong, where, and what was expected.",
        discussion: "Ends with 0 when all are good, 65 when one is wrong, 66 when one cannot be read.")

    static let examples: [(line: String, does: String)] = [
        ("gwe validate /etc/gwe/manifest.yaml", "before it is put in force"),
        ("gwe validate command.json", "what is to be written to engine_fetch"),
        ("ssh desk cat manifest.yaml | gwe validate -", "what comes on standard input"),
    ]

    @OptionGroup var output: OutputOptions

    @Argument(help: "Manifests (YAML or JSON), install commands or ExoSense's updates (JSON); - is standard input.")
    var files: [String]

    func run() throws {
        var worst = ExitStatus.success
        for file in files {
            let (status, line) = check(file)
            if status != .success, worst != .badInput { worst = status }
            if output.json {
                emit(line.jsonText())
            } else if line.problems.isEmpty {
                emit("\(file): good")
            } else {
                // With a place they are as a compiler's, for editors.
                for problem in line.problems { tell(status == .noInput ? "gwe: \(problem)" : problem) }
            }
        }
        throw finish(worst)
    }

    /// No manifest and no value of a resource may be longer.
    private static let byteLimit = 1 << 20

    private func check(_ file: String) -> (ExitStatus, ValidationLine) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try file == "-" ? standardInput() : AtomicFile.read(file, limit: Self.byteLimit)
        } catch {
            return (.noInput, ValidationLine(file: file, problems: [.init(source: file, message: "\(error)")]))
        }
        let source = file == "-" ? "standard input" : file
        do throws(DocumentErrors) {
            let text = String(decoding: bytes, as: UTF8.self)
            switch Kind(try? JSON.parse(bytes, source: source)) {
            case .update: _ = try ConfigOtau.decode(text, source: source, yaml: YAML.read)
            case .command: _ = try EngineFetch.decode(text, source: source, yaml: YAML.read)
            case .manifest: _ = try ManifestDecoder.decode(bytes, source: source, kind: .local, yaml: YAML.read)
            }
            return (.success, ValidationLine(file: file, problems: []))
        } catch {
            return (.badInput, ValidationLine(file: file, errors: error))
        }
    }

    private func standardInput() throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError.last("read standard input") }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= Self.byteLimit else {
                let what = "read standard input, of which at most \(Self.byteLimit) bytes are taken"
                throw SystemError(what, code: EFBIG)
            }
        }
    }

    /// What a file is meant to be.
    private enum Kind {
        case manifest
        /// A value of `engine_fetch`.
        case command
        /// A value of `config_otau`.
        case update

        /// - Parameter node: what is in it; nil where that is no JSON.
        init(_ node: Node?) {
            self = .manifest
            guard let node, node["schema"] == nil else { return }
            if node["payload"] != nil || ["version", "name", "type"].allSatisfy({ node[$0] != nil }) {
                self = .update
            } else if node["install"] != nil || node["remove"] != nil {
                self = .command
            } else {
                // A slip of one of them, and no key of a manifest.
                let (own, others) = (["install", "remove"], ["schema", "apps", "policy"])
                let near = (node.entries ?? []).compactMap { Suggestion.nearest(to: $0.key, among: own + others) }
                if !near.isEmpty, near.allSatisfy(own.contains) { self = .command }
            }
        }
    }
}
