internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import Wire

struct ReportCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Send engine_report, fetch_status, device_info and usage_report now, or print them.",
        discussion: """
            Reports go out by themselves when they changed, or once a day. With a daemon, the daemon sends them; while it \
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
        let context = try openContext(folders, manifest, needsConfiguration: true)
        let outcome: OutcomeAnswer
        if print {
            switch preview(context) {
            case .success(let reports): return emit(reports.text(indented: !output.json))
            case .failure(let failure): outcome = failure.outcome
            }
        } else {
            outcome = send(context)
        }
        if output.json {
            emit(outcome.jsonText())
        } else {
            outcome.exit == .success ? emit(outcome.message) : tell("gwe: \(outcome.message)")
        }
        throw finish(outcome.exit)
    }

    private func send(_ context: GatewayContext) -> OutcomeAnswer {
        if let client = controlClient(context) {
            do throws(ControlClient.Failure) { return try client.ask(SendReportsRequest()) } catch {
                guard case .noDaemon = error else { return OutcomeAnswer(error) }
            }
        }
        let (exit, text) = SlowWork.run(waitingFor: context.cloudWords, tell: { tell("gwe: \($0)") }) {
            ReportCall.send(context)
        }
        return OutcomeAnswer(exit, text)
    }

    private func preview(_ context: GatewayContext) -> Result<JSONValue, NoPreview> {
        if let client = controlClient(context) {
            do throws(ControlClient.Failure) { return .success(try client.receive(ReportsRequest()).json) } catch {
                switch error {
                case .noDaemon, .notPermitted: break
                case .refused, .broken, .silent: return .failure(NoPreview(outcome: OutcomeAnswer(error)))
                }
            }
        }
        do { return .success(try ReportCall.preview(context).json) } catch {
            let exit = (error as? JournalError)?.exit ?? .inputOutputError
            return .failure(NoPreview(outcome: OutcomeAnswer(exit, "\(error)")))
        }
    }
}

/// Why the reports cannot be shown.
private struct NoPreview: Error { var outcome: OutcomeAnswer }

extension OutcomeAnswer {
    fileprivate init(_ failure: ControlClient.Failure) {
        self.init(failure.exit ?? .failure, failure.description)
    }
}
