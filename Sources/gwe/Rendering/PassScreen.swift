internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Synchronization
internal import Wire

/// A renderer that lines may reach from any thread.
final class PassScreen: Sendable {
    private let renderer: Lock<PassRenderer>

    init(isJSON: Bool, isDryRun: Bool) { renderer = Lock(PassRenderer(isJSON: isJSON, isDryRun: isDryRun)) }

    /// - Parameter json: the line as it came, where it came from elsewhere.
    func show(_ line: PassLine, _ json: JSONValue? = nil) { renderer.withLock { $0.show(line, json) } }

    /// The daemon, for a pass that is shown here; nil where none runs. While nothing comes of it, this says what it waits for.
    func client(_ context: GatewayContext) -> ControlClient? {
        ControlClient(folders: context.folders) { [self] pid in renderer.withLock { $0.showWaiting(for: pid) } }
    }

    var exit: ExitStatus? { renderer.withLock(\.exit) }
}
