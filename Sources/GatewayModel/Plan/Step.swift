/// One idempotent step of a plan. Each looks first, and says `alreadySatisfied` where nothing is to be done.
/// The runner switches over this enum in one place.
public enum Step: String, Sendable, Hashable, CaseIterable {
    /// Brings the artifact into `downloads/`, resuming what an earlier run left.
    case download
    /// Checks the artifact's digest.
    case verify
    /// Unpacks into a staging folder, checks every entry, syncs, and renames it to the release folder.
    case unpack
    /// Runs `install.sh` or `setup.py` in the release folder, then records every file's digest.
    case install
    /// Stops the app.
    case stop
    /// Points `current` at the release.
    case activate
    /// Writes the service configuration.
    case configure
    /// Starts the app, or restarts it with its new release and configuration.
    case start
    /// Runs `uninstall.sh`.
    case uninstall
    /// Takes `current`, the releases, the service configuration and the kept artifacts away; never `data/<app>`.
    case remove
    /// Takes away releases and artifacts beyond `policy.keep_versions`, and what interrupted steps left.
    case prune

    /// Fetching interrupts nobody: all apps' fetch steps come before any app's other steps.
    public var isFetch: Bool {
        switch self {
        case .download, .verify, .unpack: true
        case .install, .stop, .activate, .configure, .start, .uninstall, .remove, .prune: false
        }
    }
}

/// What became of a step.
public enum StepOutcome: String, Sendable, Hashable {
    case done
    case alreadySatisfied = "already-satisfied"
    case failed
    /// Only started so far; after a crash, what the next run finds.
    case started
    /// Nothing can do it now: no daemon supervises.
    case skipped
}
