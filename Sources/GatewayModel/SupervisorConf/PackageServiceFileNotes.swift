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
        let ignored = PackageServiceFileReader.switches + PackageServiceFileReader.sizes + ["serverurl"]
        for option in section.options where !PackageServiceFileReader.honoured.contains(option.name) {
            if ignored.contains(option.name) {
                if !isNeutral(option) { note(option.name, "not supported: '\(option.value)' has no effect") }
            } else if let near = Suggestion.nearest(to: option.name, among: PackageServiceFileReader.honoured + ignored)
            {
                note(option.name, "unknown key, did you mean '\(near)'?")
            } else {
                note(option.name, "unknown key")
            }
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
    func checkIgnored() throws(DocumentError) {
        for key in PackageServiceFileReader.switches { _ = try boolean(key) }
        for key in PackageServiceFileReader.sizes { _ = try byteCount(key) }
        _ = try text("serverurl")
    }
}
