internal import Documents

/// Where the output of the processes of one program goes.
extension PackageServiceFileReader {
    mutating func logs(into result: inout ServiceDefinition) {
        let name = result.key.description
        result.output = log("stdout", default: "\(context.logFolder)/\(name).log")
        let errorOutput = log("stderr", default: "\(context.logFolder)/\(name).stderr.log")
        guard boolean("redirect_stderr") ?? true else {
            // Two streams cannot be written into one file by turns without tearing lines; one can.
            if let path = errorOutput.path, path == result.output.path {
                note("stderr_logfile", "is that of stdout: taken as redirect_stderr=true")
            } else {
                result.errorOutput = errorOutput
            }
            return
        }
        if let file = options["stderr_logfile"], !["auto", "none", "off"].contains(file.value.lowercased()) {
            note("stderr_logfile", "ignored: redirect_stderr is true")
        }
    }

    private mutating func log(_ stream: String, default path: String) -> ServiceDefinition.Log {
        var log = ServiceDefinition.Log(path: path)
        if let name = text("\(stream)_logfile") {
            switch name.lowercased() {
            case "none", "off": log.path = nil
            case "auto": break
            case "syslog": note("\(stream)_logfile", "syslog is not supported: the output goes to \(path)")
            default: log.path = absolute("\(stream)_logfile", name, base: context.logFolder)
            }
        }
        if let size = byteCount("\(stream)_logfile_maxbytes") { log.maxByteCount = size }
        if let count = amount("\(stream)_logfile_backups") {
            log.backups = min(count, 1_000)
            if count > 1_000 { note("\(stream)_logfile_backups", "\(count) are too many: 1000 are kept") }
        }
        return log
    }

    /// Processes that have one file named for all of them get one each.
    mutating func separateLogs(_ definitions: inout [ServiceDefinition]) {
        let names = definitions.map(\.processName)
        let outputs = separate("stdout_logfile", definitions.map(\.output.path), names)
        let errors = separate("stderr_logfile", definitions.map { $0.errorOutput?.path }, names)
        for index in definitions.indices {
            definitions[index].output.path = outputs[index]
            definitions[index].errorOutput?.path = errors[index]
        }
    }

    private mutating func separate(_ key: String, _ paths: [String?], _ names: [String]) -> [String?] {
        let named = paths.compactMap(\.self)
        guard let first = named.first, let name = names.first, Set(named).count < named.count else { return paths }
        note(key, "several processes cannot write to one file: each has its own, such as \(first).\(name)")
        return zip(paths, names).map { path, name in path.map { "\($0).\(name)" } }
    }
}
