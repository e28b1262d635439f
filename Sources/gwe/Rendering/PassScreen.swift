internal import GatewayModel
internal import GatewaySystem
internal import Synchronization
internal import Wire

/// A renderer that lines may reach from any thread.
final class PassScreen: Sendable {
    private let renderer: Lock<PassRenderer>

    init(isJSON: Bool, isDryRun: Bool) { renderer = Lock(PassRenderer(isJSON: isJSON, isDryRun: isDryRun)) }

    func show(_ line: PassLine) { renderer.withLock { $0.show(line) } }

    var exit: ExitStatus? { renderer.withLock(\.exit) }
}
