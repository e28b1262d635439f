internal import GatewayModel
internal import GatewaySystem

/// Unpacks an artifact on a thread of its own while it is still being downloaded: the two overlap, and the bytes are
/// read from the page cache. What was unpacked counts only once the download has ended well and its digest is right.
final class UnpackJob: Sendable {
    typealias Outcome = Result<Unpacked, UnpackError>

    private struct State: Sendable {
        var hasStarted = false
        var outcome: Outcome?
    }

    private let monitor = Monitor(State())
    private let growing = GrowingFile()
    private let staging: String
    private let limits: UnpackLimits

    init(staging: String, limits: UnpackLimits) {
        self.staging = staging
        self.limits = limits
    }

    /// Follows a download.
    func follow(_ event: DownloadEvent) {
        switch event {
        case .started(let partial, let byteCount, _):
            do throws(SystemError) { try growing.started(path: partial, byteCount: byteCount) } catch {
                return growing.fail("\(error)")
            }
            start()
        case .appended(let byteCount): growing.appended(byteCount: byteCount)
        case .restarted: growing.restarted()
        case .retrying: break
        }
    }

    /// The download ended: with everything, or with less.
    func end(isWhole: Bool) { isWhole ? growing.finish() : growing.fail("the download failed") }

    private func start() {
        let isFirst = monitor.update { state in
            defer { state.hasStarted = true }
            return !state.hasStarted
        }
        guard isFirst else { return }
        let thread = try? BackgroundThread("gwe-release") { [self] in
            let outcome = unpack(.growing(growing))
            monitor.update { $0.outcome = outcome }
        }
        // Without a thread the whole file is unpacked later.
        thread == nil ? monitor.update { $0.hasStarted = false } : thread?.detach()
    }

    private func unpack(_ source: ArchiveSource, isSecondLook: Bool = false) -> Outcome {
        do throws(UnpackError) {
            return .success(
                try Unpacker.unpack(from: source, into: staging, limits: limits, isSecondLook: isSecondLook))
        } catch {
            return .failure(error)
        }
    }

    /// Waits for the thread; nil when none was started: everything was here already.
    func wait() -> Outcome? {
        monitor.wait { state -> Outcome?? in state.hasStarted ? state.outcome.map(Optional.some) : .some(nil) }
    }

    /// Unpacks a whole file on this thread.
    /// - Parameter isSecondLook: whether it was unpacked before, and that failed.
    func unpack(file path: String, isSecondLook: Bool = false) -> Outcome {
        unpack(.file(path), isSecondLook: isSecondLook)
    }
}
