internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel

struct ReportCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Send engine_report, fetch_status, device_info and usage_report now, or print them.",
        discussion: """
            Reports go out by themselves when they changed, or once a day. With a daemon, the daemon sends them; while it
            runs a pass, which sends reports itself, this ends with 75. --print writes nothing and asks the cloud nothing.
            """)

    static let examples: [(line: String, does: String)] = [
        ("gwe report", "send all four, whether they are due or not"),
        ("gwe report --print | jq .usage_report", "what would be sent"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var manifest: ManifestOption
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Print them as one JSON object by resource; send nothing.")
    var print = false

    func run() throws {
        let context = try openContext(folders, manifest)
        let (exit, answer) = ask(context)
        if print, exit == .success {
            emit(answer.text(indented: !output.json))
        } else if output.json {
            emit(answer.text())
        } else {
            let message = answer["message"]?.string ?? ""
            exit == .success ? emit(message) : tell("gwe: \(message)")
        }
        throw finish(exit)
    }

    private func ask(_ context: GatewayContext) -> (ExitStatus, JSONValue) {
        if let client = ControlClient(folders: context.folders) {
            do throws(ControlClient.Failure) {
                let answer = try print ? client.get("/v1/reports") : client.post("/v1/reports")
                if print { return (.success, answer) }
                let exit = answer["exit"]?.int.flatMap { ExitStatus(rawValue: Int32(truncatingIfNeeded: $0)) }
                return (exit ?? .internalError, answer)
            } catch {
                switch error {
                case .noDaemon: break
                case .notPermitted where print: break
                case .notPermitted: return (.notPermitted, message(.notPermitted, error.description))
                default: return (.failure, message(.failure, error.description))
                }
            }
        }
        if !print {
            let (exit, text) = ReportCall.send(context)
            return (exit, message(exit, text))
        }
        do { return (.success, try ReportCall.preview(context)) } catch {
            let exit = (error as? JournalError)?.exit ?? .inputOutputError
            return (exit, message(exit, "\(error)"))
        }
    }

    private func message(_ exit: ExitStatus, _ text: String) -> JSONValue {
        ["exit": .int(Int64(exit.rawValue)), "message": .string(text)]
    }
}
