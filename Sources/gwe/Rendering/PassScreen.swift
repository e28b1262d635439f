internal import Documents
internal import GatewayModel
internal import Synchronization

/// A renderer that events may reach from any thread.
final class PassScreen: Sendable {
    private let renderer: Mutex<PassRenderer>

    init(isJSON: Bool, isDryRun: Bool) { renderer = Mutex(PassRenderer(isJSON: isJSON, isDryRun: isDryRun)) }

    func show(_ event: JSONValue) { renderer.withLock { $0.show(event) } }

    var exit: ExitStatus? { renderer.withLock(\.exit) }
}
