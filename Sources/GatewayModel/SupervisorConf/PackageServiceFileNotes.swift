internal import Documents

/// Which keys there are, and which of them change nothing.
extension PackageServiceFileReader {
    private static let honoured = [
        "command", "process_name", "numprocs", "numprocs_start", "directory", "umask", "priority", "autostart",
        "autorestart", "startsecs", "startretries", "exitcodes", "stopsignal", "stopwaitsecs", "stopasgroup",
        "killasgroup", "user", "redirect_stderr", "stdout_logfile", "stdout_logfile_maxbytes",
        "stdout_logfile_backups", "stderr_logfile", "stderr_logfile_maxbytes", "stderr_logfile_backups", "environment",
    ]
    private static let switches = ["stdout_events_enabled", "stderr_events_enabled", "stdout_syslog", "stderr_syslog"]
    private static let sizes = ["stdout_capture_maxbytes", "stderr_capture_maxbytes"]

    /// Says of every key that is unknown, and of every one that asks for something that is not there.
    mutating func noteKeys() {
        for option in section.options {
            guard let line = option.earlierLine else { continue }
            note(option.name, "it stands twice: line \(line) has no effect")
        }
        let ignored = PackageServiceFileReader.switches + PackageServiceFileReader.sizes + ["serverurl"]
        for option in section.options where !PackageServiceFileReader.honoured.contains(option.name) {
            if ignored.contains(option.name) {
                if !isNeutral(option) { note(option.name, "not supported: '\(option.value)' has no effect") }
            } else if let reason = reason(option) {
                note(option.name, reason)
            } else if let near = Suggestion.nearest(to: option.name, among: PackageServiceFileReader.honoured + ignored)
            {
                note(option.name, "unknown key, did you mean '\(near)'?\(remark(option))")
            } else {
                note(option.name, "unknown key\(remark(option))")
            }
        }
    }

    private func remark(_ option: PackageServiceFileLines.Option) -> String {
        DocumentText.remark(on: option.name, beyondASCII: true)
    }

    /// What is asked for in vain by those keys that many files have.
    private func reason(_ option: PackageServiceFileLines.Option) -> String? {
        switch option.name {
        case "group", "groups":
            let user = options["user"]?.value ?? ""
            let who =
                user.isEmpty ? "of gwe itself, as no user is given" : "that the gateway's user database gives '\(user)'"
            let cure = user.isEmpty ? "" : ": to add it there, 'usermod -aG \(option.value) \(user)' in install.sh"
            return "no key of supervisord's either: the app has the groups \(who), not '\(option.value)'\(cure)"
        case "childlogdir", "logfile", "logfile_backups", "logfile_maxbytes", "loglevel", "minfds", "minprocs",
            "nodaemon",
            "pidfile", "silent":
            return "a key of supervisord itself, not of a program: it has no effect"
        case "stdout_maxbytes", "stdout_backups", "stderr_maxbytes", "stderr_backups":
            let parts = option.name.split(separator: "_")
            return "unknown key, did you mean '\(parts[0])_logfile_\(parts[1])'?"
        case "redirect_stdout": return "unknown key: standard output goes to stdout_logfile"
        default: return nil
        }
    }

    /// Whether an ignored key only says what is so anyway.
    private func isNeutral(_ option: PackageServiceFileLines.Option) -> Bool {
        if option.name == "serverurl" { return option.value.isEmpty || option.value.uppercased() == "AUTO" }
        if PackageServiceFileReader.sizes.contains(option.name) {
            return PackageServiceFileValue.byteCount(option.value) == 0
        }
        return PackageServiceFileValue.boolean(option.value) == false
    }

    /// What supervisord refuses is refused, also where it would have no effect.
    mutating func checkIgnored() {
        for key in PackageServiceFileReader.switches { _ = boolean(key) }
        for key in PackageServiceFileReader.sizes { _ = byteCount(key) }
        _ = text("serverurl")
    }
}
