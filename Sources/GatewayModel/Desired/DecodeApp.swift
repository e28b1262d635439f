internal import Documents

/// Reads what a layer says of one app.
struct AppReader {
    let origin: (_ line: Int) -> Origin
    let allowsRun: Bool

    static let keys = ["version", "artifact", "state", "hold", "requires", "service", "health", "urgent"]

    func read(_ field: Field, name: AppName) -> AppLayer {
        var app = AppLayer()
        guard let fields = Fields(field, keys: AppReader.keys + (allowsRun ? ["run"] : [])) else { return app }
        if let wish = ReleaseReader(app: name, allowsRun: allowsRun).read(fields) {
            app.release = sourced(wish, fields.field("version"))
        }
        let state = fields.field("state")
        if let value = state?.choice(of: WantedState.allCases.map(\.rawValue)).flatMap(WantedState.init) {
            app.state = sourced(value, state)
        }
        let hold = fields.field("hold")
        if let value = hold?.bool() { app.hold = sourced(value, hold) }
        let requires = fields.field("requires")
        if let value = requires.flatMap({ self.requires($0, of: name) }) { app.requires = sourced(value, requires) }
        let service = fields.field("service")
        if let value = service.flatMap(ServiceOverride.decode) { app.service = sourced(value, service) }
        let health = fields.field("health")
        if let value = health.flatMap(HealthCheck.decode) { app.health = sourced(value, health) }
        let urgent = fields.field("urgent")
        if let value = urgent?.bool() { app.urgent = sourced(value, urgent) }
        return app
    }

    private func sourced<Value>(_ value: Value, _ field: Field?) -> Sourced<Value> {
        Sourced(value, from: origin(field?.keyMark.line ?? 1))
    }

    private func requires(_ field: Field, of name: AppName) -> [AppName]? {
        guard let elements = field.list("a list of apps") else { return nil }
        var names: [AppName] = []
        for element in elements {
            guard let required = element.appName() else { continue }
            if required == name {
                element.report("\(name) cannot require itself")
            } else if names.contains(required) {
                element.report("\(required) is named twice")
            } else {
                names.append(required)
            }
        }
        return names
    }
}
