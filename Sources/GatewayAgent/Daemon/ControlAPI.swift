internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// What the daemon's socket offers, version 1:
///
///     GET  /v1/status[?app=NAME][&deep=1]   the document of `gwe status --json`, with its exit status in "exit"
///     GET  /v1/services                     what is supervised
///     POST /v1/reconcile                    one pass; its events as NDJSON, the last one has "type": "result"
///     POST /v1/install                      `{"tarballs": [PATH, …]}`: as `gwe -I`; events as above
///     POST /v1/remove                       `{"app": NAME, "purge": BOOL}`: as `gwe remove`; events as above
///     POST /v1/apps/NAME/start|stop|restart|hold|unhold
///
/// Who may connect is decided by the socket's mode (0660); no request is trusted with more than that.
struct ControlAPI: Sendable {
    let daemon: Daemon

    func answer(_ request: HTTPServerRequest) -> HTTPServerResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        switch (request.method, parts.dropFirst().first, parts.count) {
        case ("GET", "status"?, 2): return status(request)
        case ("GET", "services"?, 2): return json(daemon.servicesJSON())
        case ("POST", "reconcile"?, 2): return reconcile(request)
        case ("POST", "install"?, 2): return install(request)
        case ("POST", "remove"?, 2): return remove(request)
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
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
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

    private func reconcile(_ request: HTTPServerRequest) -> HTTPServerResponse {
        var options = PassOptions()
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
            if let names = body["apps"]?.elements, !names.isEmpty {
                options.only = Set(names.compactMap { $0.string.flatMap(AppName.init) })
            }
        }
        options.reason = "asked for"
        return stream(options)
    }

    private func stream(_ options: PassOptions) -> HTTPServerResponse {
        let events = EventStream()
        daemon.passes.enqueue(.init(options: options) { events.append($0) })
        return HTTPServerResponse(
            status: 200, headers: [("Content-Type", "application/x-ndjson")], body: .stream { events.next() })
    }

    /// `{"tarballs": [PATH, …]}`: the operator's wish, then a pass of just those apps.
    private func install(_ request: HTTPServerRequest) -> HTTPServerResponse {
        guard let body = try? JSON.parse(request.body, source: "request"), let paths = body["tarballs"]?.elements else {
            return error(400, "expected {\"tarballs\": [PATH, ...]}")
        }
        let commands = OperatorCommands(context: daemon.context, journal: daemon.state.journal)
        var options = PassOptions()
        options.isOffline = true
        options.reason = "gwe install"
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
        do throws(Daemon.ActionFailure) {
            return json(try daemon.perform(verb, on: name))
        } catch {
            return self.error(error.isUnknownApp ? 404 : 409, error.description)
        }
    }
}

/// The events of one pass on their way to one reader. What a reader does not fetch is bounded: progress is dropped
/// first.
private final class EventStream: Sendable {
    private struct State: Sendable {
        var lines: [String] = []
        var isEnded = false
    }
    private let monitor = Monitor(State())

    func append(_ event: PassEvent) {
        monitor.update { state in
            if case .progress = event, state.lines.count > 1_000 { return }
            state.lines.append(event.json.text())
            if case .result = event { state.isEnded = true }
        }
    }

    /// All lines that are there; an empty piece after half a second without one; nil at the end.
    func next() -> [UInt8]? {
        let piece: [UInt8]?? = monitor.wait(atMost: .milliseconds(500)) { state in
            if state.lines.isEmpty { return state.isEnded ? .some(nil) : nil }
            defer { state.lines = [] }
            return Array(state.lines.map { $0 + "\n" }.joined().utf8)
        }
        return piece ?? []
    }
}
