internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Wire

struct RunCommand: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "The daemon: supervise, poll, reconcile, report.",
        discussion: """
            Runs in the foreground. SIGTERM stops the apps and ends it; SIGKILL and a crash leave them running, and the \
            next daemon adopts them. SIGHUP reads the desired state again and runs a pass. SIGUSR1 lets the program that \
            is now at gwe's own path take over: same process, apps go on; the new file must answer --version, else the \
            old one goes on and says why. Under systemd it is a service of Type=notify.

            Its log goes to standard error, a line an event; each has the time (UTC) in front, unless journald takes it.
            """)
    static let examples: [(line: String, does: String)] = [
        ("gwe run", "what a service manager starts"),
        ("gwe run --state-dir ./state --config-dir ./etc --log-dir ./log", "a whole gateway in a folder"),
    ]

    @OptionGroup var folders: FolderOptions
    @OptionGroup var manifest: ManifestOption
    @OptionGroup var output: OutputOptions

    func run() throws {
        DaemonProcess.closeInheritedDescriptors()
        let context = try openContext(folders, manifest, needsConfiguration: true)
        let isJSON = output.json
        let isTimed = !JournalStream.takes(2, variable: environmentVariable("JOURNAL_STREAM"))
        let lines = DaemonOutput { event in
            isJSON ? event.line.jsonText() : DaemonLogText.line(event, at: isTimed ? WallTime.now() : nil)
        }
        let status = DaemonProcess.run(context) { lines.write($0) }
        throw finish(status)
    }
}
