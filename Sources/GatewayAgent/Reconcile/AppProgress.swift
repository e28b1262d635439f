internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// An artifact that lies whole in `downloads/`.
struct Artifact: Sendable, Hashable {
    /// Its file name there.
    var name: String
    var digest: Digest
    var byteCount: Int64
    /// What of its way here may be the reason when it is damaged, see `DownloadOutcome.doubt`.
    var doubt: String?
}

/// One app's way through a pass: the plan, and what its steps have learnt so far.
final class AppProgress {
    let plan: AppPlan
    let desired: DesiredApp?
    /// What was in force when the pass began.
    let before: ReleaseRecord?
    /// Every other release of the app that the journal knows.
    var others: [ReleaseRecord]
    var artifact: Artifact?
    /// The release that the steps bring into force; the one before where none is fetched.
    var release: ReleaseRecord?
    var failure: StepFailure?
    /// Why the steps that interrupt wait.
    var deferral: String?
    /// Whether `current` points at `release` and the journal says so.
    var isActivated = false
    var failedStep: Step?
    /// Whether it was seen that this machine has what the service needs.
    var hasWhatItNeeds = false
    /// Whether its steps were run before the others', because they give space back.
    var isDone = false
    /// Set when the disk is too small for it, and nothing of it was done.
    var shortfall: Plan.Shortfall?

    var app: AppName { plan.app }

    init(plan: AppPlan, desired: DesiredApp?, record: AppRecord?) {
        self.plan = plan
        self.desired = desired
        before = record?.current
        others = record?.others ?? []
        if !plan.steps.contains(where: \.isFetch) { release = record?.current }
    }

    /// The name under which people and `fetch_status` know the artifact.
    var artifactLabel: String { plan.wish?.location.label ?? app.text }

    /// A state of the OTAU state machine about this app.
    func fetchState(_ state: FetchState.Name, _ info: String, output: String? = nil) -> FetchState {
        FetchState(
            state: state, info: info, name: app.text, version: plan.wish?.version.text ?? "",
            contentAvailable: state == .initial ? nil : plan.downloadByteCount != nil,
            size: state == .initial ? nil : artifact?.byteCount ?? plan.downloadByteCount,
            installPath: artifact.map { "downloads/\($0.name)" }, output: output)
    }
}

extension ArtifactLocation {
    /// The name under which people and `fetch_status` know the artifact: the last part of a path.
    var label: String {
        switch self {
        case .content(let name): name
        case .url(let text): String(text.split(separator: "?").first?.split(separator: "/").last ?? Substring(text))
        case .path(let path): String(path.split(separator: "/").last ?? Substring(path))
        }
    }
}
