internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// What the daemon's socket offers, version 1:
///
///     GET  /v1/status[?app=NAME][&deep=1]   the document of `gwe status --json`, with its exit status in "exit"
///     GET  /v1/services                     what is supervised
///     GET  /v1/reports                      the four reports as they would be sent, by resource
///     POST /v1/reports                      sends them now; exit 75 while a pass runs
///     POST /v1/reconcile                    one pass; its events as NDJSON, the last one has "type": "result"
///     POST /v1/install                      `{"tarballs": [PATH, …]}`: as `gwe -I`; events as above
///     POST /v1/remove                       `{"app": NAME, "purge": BOOL}`: as `gwe remove`; events as above
///     POST /v1/token                        a token was set, or is worth another try: the cloud is asked at once
///     POST /v1/apps/NAME/start|stop|restart|hold|unhold
///     POST /v1/reexec               the program at gwe's own path takes the daemon's place; apps go on. As SIGUSR1.
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
        let parts = request.path.split(separator: "/").map(String.init)
        switch (request.method, parts.dropFirst().first, parts.count) {
        case ("GET", "status"?, 2): return status(request)
        case ("GET", "services"?, 2): return json(daemon.servicesJSON())
        case ("GET", "reports"?, 2): return reports()
        case ("POST", "reports"?, 2):
            let (exit, message) = daemon.sendReports()
            return json(["exit": .int(Int64(exit.rawValue)), "message": .string(message)])
        case ("POST", "reconcile"?, 2): return reconcile(request)
        case ("POST", "install"?, 2): return install(request)
        case ("POST", "remove"?, 2): return remove(request)
        case ("POST", "reexec"?, 2): return replace()
        case ("POST", "token"?, 2):
            daemon.tokenWasSet()
            return json(["message": "the cloud is asked at once"])
        case ("POST", "apps"?, 4): return act(app: parts[2], verb: parts[3])
        default: return error(404, "no such call: \(request.method) \(request.path)")
        }
    }

    private func json(_ value: JSONValue, status: Int = 200) -> HTTPServerResponse {
        HTTPServerResponse(status: status, text: value.text() + "\n", type: "application/json")
    }

    private func error(_ status: Int, _ message: String) -> HTTPServerResponse {
        json(["message": .string(message)], status: status)
    }

    private func query(_ request: HTTPServerRequest) -> [String: String] {
        var values: [String: String] = [:]
        for part in (request.query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            values[pair[0]] = pair.count == 2 ? pair[1] : ""
        }
        return values
    }

    private func status(_ request: HTTPServerRequest) -> HTTPServerResponse {
        let query = query(request)
        var only: AppName?
        if let name = query["app"] {
            guard let app = AppName(name) else { return error(400, "\(name) is no app name") }
            only = app
        }
        let report = daemon.status(only: only, isDeep: query["deep"] == "1")
        return json(["exit": .int(Int64(report.exit.rawValue)), "status": report.json])
    }

    private func reports() -> HTTPServerResponse {
        do {
            return json(try ReportCall.preview(daemon.context, services: daemon.services.snapshots()))
        } catch {
            return self.error(500, "\(error)")
        }
    }

    private func reconcile(_ request: HTTPServerRequest) -> HTTPServerResponse {
        var options = PassOptions(.socket)
        if !request.body.isEmpty {
            let body: Node
            do throws(DocumentError) {
                body = try JSON.parse(request.body, source: "request")
            } catch {
                return self.error(400, "\(error)")
            }
            options.until = body["until"]?.string.flatMap(PassOptions.Until.init)
            options.isOffline = body["offline"]?.bool ?? false
            options.isDeep = body["deep"]?.bool ?? false
            options.isByHand = body["by_hand"]?.bool ?? false
            if let until = body["until"], until.json != .null, options.until == nil {
                return self.error(400, "until: expected \"download\" or \"stage\"")
            }
            if let names = body["apps"]?.elements, !names.isEmpty {
                var apps: Set<AppName> = []
                for name in names {
                    guard let app = name.string.flatMap(AppName.init) else {
                        return self.error(400, "\(name.json.text()) is no app name")
                    }
                    apps.insert(app)
                }
                options.only = apps
            }
        }
        return stream(options)
    }

    private func stream(_ options: PassOptions) -> HTTPServerResponse {
        let events = EventStream()
        readers.update { $0 += 1 }
        daemon.passes.enqueue(.init(options: options) { events.append($0) })
        return HTTPServerResponse(
            status: 200, headers: [("Content-Type", "application/x-ndjson")], body: .stream { events.next() },
            completion: { [readers] _, _ in
                events.abandon()
                readers.update { $0 -= 1 }
            })
    }

    private func replace() -> HTTPServerResponse {
        do throws(ProgramImage.Refusal) {
            let version = try reexec()
            return json(["message": .string("gwe \(version) takes over")])
        } catch {
            return self.error(409, error.description)
        }
    }

    /// `{"tarballs": [PATH, …]}`: the operator's wish, then a pass of just those apps.
    private func install(_ request: HTTPServerRequest) -> HTTPServerResponse {
        guard let body = try? JSON.parse(request.body, source: "request"), let paths = body["tarballs"]?.elements else {
            return error(400, "expected {\"tarballs\": [PATH, ...]}")
        }
        let commands = OperatorCommands(context: daemon.context, journal: daemon.state.journal)
        var options = PassOptions(.install)
        options.isOffline = true
        do throws(StepFailure) {
            options.only = try commands.install(tarballs: paths.compactMap(\.string))
        } catch {
            return self.error(error.kind == .release ? 422 : error.kind == .noSpace ? 507 : 409, error.description)
        }
        return stream(options)
    }

    /// `{"app": NAME, "purge": BOOL}`: the operator's wish is taken back, then a pass of just that app.
    private func remove(_ request: HTTPServerRequest) -> HTTPServerResponse {
        guard let body = try? JSON.parse(request.body, source: "request"),
            let app = body["app"]?.string.flatMap(AppName.init)
        else { return error(400, "expected {\"app\": NAME, \"purge\": true or false}") }
        let isPurge = body["purge"]?.bool ?? false
        do throws(RemovalRefusal) {
            try OperatorCommands(context: daemon.context, journal: daemon.state.journal).takeBack(app, isPurge: isPurge)
        } catch {
            let status = error.exit == .noSuchApp ? 404 : error.exit == .deferred ? 423 : 409
            return self.error(status, error.description)
        }
        return stream(.removal(of: app, isPurge: isPurge))
    }

    private func act(app: String, verb: String) -> HTTPServerResponse {
        guard let name = AppName(app) else { return error(400, "\(app) is no app name") }
        guard let verb = AppVerb(rawValue: verb) else { return error(404, "no such action: \(verb)") }
        do throws(AppCommand.Refusal) {
            let answer = try daemon.perform(verb, on: name)
            return json([
                "message": .string(answer.message), "state": .string(answer.state ?? ""),
                "notes": .array(answer.notes.map(JSONValue.string)),
            ])
        } catch {
            if case .unknownApp = error { return self.error(404, error.description) }
            return self.error(409, error.description)
        }
    }
}
