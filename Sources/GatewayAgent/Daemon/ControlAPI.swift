internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Wire

/// Answers what is asked over the daemon's socket. `ControlCall` is the table of the calls, `docs/local-api.md` describes
/// them.
///
/// Who may connect is decided by the socket's mode (0660) and group; no request is trusted with more than that.
struct ControlAPI: Sendable {
    let daemon: Daemon
    /// Begins an exec in place; returns the version that comes.
    var reexec: @Sendable () throws(ProgramImage.Refusal) -> String
    /// How many readers of passes have not heard the end yet.
    private let readers = Monitor(0)

    init(daemon: Daemon, reexec: @escaping @Sendable () throws(ProgramImage.Refusal) -> String) {
        self.daemon = daemon
        self.reexec = reexec
    }

    /// Waits until everybody who listens to a pass has heard its end, or the time is over.
    func waitForReaders(timeout: Duration) { _ = readers.wait(atMost: timeout) { $0 == 0 ? true : nil } }

    func answer(_ request: HTTPServerRequest) -> HTTPServerResponse {
        // Nobody may ask again for hours.
        defer { ProcessMemory.release() }
        do throws(ControlRefusal) {
            guard let (call, words) = ControlCall.find(method: request.method, path: request.path) else {
                throw ControlRefusal(.notFound, "no such call: \(request.method) \(request.path)")
            }
            return try answer(call, ControlMessage(words: words, query: request.query, body: request.body))
        } catch {
            return document(error.body, status: error.kind.rawValue)
        }
    }

    private func answer(_ call: ControlCall, _ message: ControlMessage) throws(ControlRefusal) -> HTTPServerResponse {
        switch call {
        case .status: try answer(message, status)
        case .services: try answer(message) { (_: ServicesRequest) in daemon.servicesDocument() }
        case .reports: try answer(message, reports)
        case .sendReports: try answer(message, sendReports)
        case .reconcile: try run(message) { (request: PassRequest) in PassOptions(request) }
        case .install: try run(message, install)
        case .remove: try run(message, remove)
        case .setToken: try answer(message, setToken)
        case .act: try answer(message, act)
        case .replace: try answer(message, replace)
        }
    }

    /// Reads the request of a call and answers with one document.
    private func answer<Request: ControlRequest>(
        _ message: ControlMessage, _ work: (Request) throws(ControlRefusal) -> Request.Answer
    ) throws(ControlRefusal) -> HTTPServerResponse {
        document(try work(try Request(message)))
    }

    /// Reads the request of a call and answers with the lines of the pass that it leads to.
    private func run<Request: PassControlRequest>(
        _ message: ControlMessage, _ work: (Request) throws(ControlRefusal) -> PassOptions
    ) throws(ControlRefusal) -> HTTPServerResponse {
        let options = try work(try Request(message))
        let events = EventStream()
        readers.update { $0 += 1 }
        daemon.passes.enqueue(.init(options: options, listener: { events.append($0) }, begun: { events.begin() }))
        return HTTPServerResponse(
            status: 200, headers: [("Content-Type", "application/x-ndjson")], body: .stream { events.next() },
            completion: { [readers] _, _ in
                events.abandon()
                readers.update { $0 -= 1 }
            })
    }

    private func document(_ answer: some WireValue, status: Int = 200) -> HTTPServerResponse {
        HTTPServerResponse(status: status, text: answer.jsonText() + "\n", type: "application/json")
    }

    // MARK: documents

    private func status(_ request: StatusRequest) throws(ControlRefusal) -> StatusAnswer {
        let report = daemon.status(only: request.app, isDeep: request.isDeep)
        return StatusAnswer(report.exit, report.document)
    }

    private func reports(_ request: ReportsRequest) throws(ControlRefusal) -> GatewayReports {
        do {
            return try ReportCall.preview(daemon.context, services: daemon.services.snapshots())
        } catch {
            throw ControlRefusal(.failed, "\(error)")
        }
    }

    private func sendReports(_ request: SendReportsRequest) throws(ControlRefusal) -> OutcomeAnswer {
        let (exit, message) = daemon.sendReports()
        return OutcomeAnswer(exit, message)
    }

    private func setToken(_ request: TokenRequest) throws(ControlRefusal) -> MessageAnswer {
        daemon.tokenWasSet()
        return MessageAnswer("the cloud is asked at once")
    }

    private func act(_ request: ActionRequest) throws(ControlRefusal) -> ActionAnswer {
        do throws(AppCommand.Refusal) {
            let answer = try daemon.perform(request.verb, on: request.app)
            return ActionAnswer(
                message: answer.message, state: answer.state.map { Word(text: $0) }, notes: answer.notes)
        } catch {
            if case .unknownApp = error { throw ControlRefusal(.notFound, error.description) }
            if case .journal(let failure) = error, failure.isNoSpace {
                throw ControlRefusal(.noSpace, error.description)
            }
            throw ControlRefusal(.conflict, error.description)
        }
    }

    private func replace(_ request: ReplaceRequest) throws(ControlRefusal) -> MessageAnswer {
        do throws(ProgramImage.Refusal) { return MessageAnswer("gwe \(try reexec()) takes over") } catch {
            throw ControlRefusal(.conflict, error.description)
        }
    }

    // MARK: passes

    /// The operator's wish, then a pass of just those apps.
    private func install(_ request: InstallRequest) throws(ControlRefusal) -> PassOptions {
        let commands = OperatorCommands(context: daemon.context, journal: daemon.state.journal)
        var options = PassOptions(.install)
        options.isOffline = true
        let services = daemon.services.snapshots()
        do throws(StepFailure) {
            options.only = try commands.install(
                tarballs: request.tarballs, allowsDowngrade: request.allowsDowngrade,
                isWell: { services[$0].flatMap(\.isWell) })
        } catch {
            switch error.kind {
            case .release: throw ControlRefusal(.badPackage, error.description)
            case .noSpace: throw ControlRefusal(.noSpace, error.description)
            case .local, .unavailable: throw ControlRefusal(.conflict, error.description)
            }
        }
        return options
    }

    /// The operator's wish is taken back, then a pass of just that app.
    private func remove(_ request: RemoveRequest) throws(ControlRefusal) -> PassOptions {
        let commands = OperatorCommands(context: daemon.context, journal: daemon.state.journal)
        do throws(RemovalRefusal) { try commands.takeBack(request.app, isPurge: request.isPurge) } catch {
            switch error.exit {
            case .noSuchApp: throw ControlRefusal(.notFound, error.description)
            case .deferred: throw ControlRefusal(.held, error.description)
            case .noSpace: throw ControlRefusal(.noSpace, error.description)
            default: throw ControlRefusal(.conflict, error.description)
            }
        }
        return .removal(of: request.app, isPurge: request.isPurge)
    }
}
