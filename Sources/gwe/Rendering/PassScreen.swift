internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc
internal import Synchronization
internal import Wire

/// A renderer that lines may reach from any thread.
final class PassScreen: Sendable {
    private let renderer: Lock<PassRenderer>

    init(isJSON: Bool, isDryRun: Bool, isQuiet: Bool = false) {
        renderer = Lock(PassRenderer(isJSON: isJSON, isDryRun: isDryRun, isQuiet: isQuiet))
    }

    /// - Parameter json: the line as it came, where it came from elsewhere.
    func show(_ line: PassLine, _ json: JSONValue? = nil) { renderer.withLock { $0.show(line, json) } }

    /// The daemon, for a pass that is shown here; nil where none runs. While nothing comes of it, this says what it waits for.
    func client(_ context: GatewayContext) -> ControlClient? {
        ControlClient(folders: context.folders) { [self] pid in renderer.withLock { $0.showWaiting(for: pid) } }
    }

    var exit: ExitStatus? { renderer.withLock(\.exit) }

    /// Shows a pass that the daemon runs. Who interrupts that ends this command alone, and is told so.
    func run(_ request: some PassControlRequest, by client: ControlClient) throws(ControlClient.Failure) {
        // What is ignored, as in the background of a shell, stays so.
        let numbers = [SIGINT, SIGTERM].filter { SignalDisposition.isDefault($0) }
        for number in numbers { signal(number, sayThatTheDaemonGoesOn) }
        defer { for number in numbers { signal(number, SIG_DFL) } }
        try client.run(request) { self.show($0, $1) }
    }
}

/// A handler of signals: it may call write(2), signal(2) and raise(3), and nothing that allocates (signal-safety(7)).
private func sayThatTheDaemonGoesOn(_ number: Int32) {
    let words: StaticString =
        "\ngwe: the daemon goes on with the pass; 'gwe status' and 'gwe history' tell what becomes of it\n"
    _ = write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
    signal(number, SIG_DFL)
    raise(number)
}
