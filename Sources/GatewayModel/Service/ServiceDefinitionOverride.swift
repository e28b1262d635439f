public import Documents

extension ServiceDefinition {
    /// A definition from a `service` mapping alone: the app has no `supervisor.conf`. Such an app is restarted whatever
    /// its end was, unless `restart` says otherwise: a service is meant to run.
    /// Fails when there is no `command`, or a value is wrong; the error's path is the key below `service`.
    public init(app: AppName, from override: ServiceOverride, context: ServiceContext, source: String)
        throws(DocumentError)
    {
        guard override.command != nil else {
            throw DocumentError(
                source: source, mark: nil, path: "service.command",
                message: "expected a command: the package of \(app) has no supervisor.conf")
        }
        self.init(app: app, command: [], context: context)
        restart = .always
        self = try applying(override, source: source)
    }

    /// This definition with the keys that the mapping has in place of its own. `environment` is merged name by name.
    public func applying(_ override: ServiceOverride, source: String) throws(DocumentError) -> ServiceDefinition {
        var result = self
        func wrong(_ key: String, _ message: String) -> DocumentError {
            DocumentError(source: source, mark: nil, path: "service.\(key)", message: message)
        }
        if let text = override.command {
            do { result.command = try ShellWords.split(text) } catch { throw wrong("command", error.message) }
            guard !result.command.isEmpty else { throw wrong("command", "expected a command, found an empty text") }
        }
        if let environment = override.environment {
            for name in environment.keys.sorted() where name.isEmpty || name.contains("=") || name.contains("\0") {
                throw wrong("environment", "'\(name)' cannot be the name of a variable")
            }
            result.environment.merge(environment) { $1 }
        }
        if let user = override.user { result.user = user }
        switch override.restart {
        case .always: result.restart = .always
        case .onFailure: result.restart = .unexpected
        case .never: result.restart = .never
        case nil: break
        }
        if let folder = override.directory {
            guard !folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else {
                throw wrong("directory", "expected a folder inside the release, found '\(folder)'")
            }
            result.directory = folder.isEmpty || folder == "." ? result.directory : "\(result.directory)/\(folder)"
        }
        if let name = override.stopSignal {
            guard let number = SignalName.number(name) else {
                throw wrong("stop_signal", "expected a signal such as TERM or INT, found '\(name)'")
            }
            result.stopSignal = number
        }
        if let timeout = override.stopTimeout {
            let parts = timeout.components
            result.stopWaitSeconds = Int(clamping: parts.seconds + (parts.attoseconds > 0 ? 1 : 0))
        }
        return result
    }
}
