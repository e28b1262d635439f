internal import Documents
internal import GatewayModel
internal import GatewaySystem

/// `gwe install TARBALL…`, Gateway Engine's `-I`: packages as the operator's wish.
extension OperatorCommands {
    /// A package that was found good, and is not recorded yet.
    fileprivate struct Candidate {
        var path: String
        var name: PackageName
        var digest: Digest?
        var byteCount: Int64?
    }

    /// Makes packages the operator's wish: the same plan and journal as for any other release. All are checked before
    /// the first is recorded: one that is refused leaves nothing behind, neither of itself nor of the others.
    /// - Parameters:
    ///   - allowsDowngrade: whether a package may be of a lower version than what is in force.
    ///   - isWell: whether an app's release in force is well; nil where nobody knows.
    /// - Throws: `.release` for a package that is refused, `.noSpace`, `.local` for what cannot be read or recorded.
    func install(
        tarballs paths: [String], allowsDowngrade: Bool = false, isWell: (AppName) -> Bool? = { _ in nil }
    ) throws(StepFailure) -> Set<AppName> {
        var candidates: [Candidate] = []
        for path in paths {
            let candidate = try candidate(path)
            if !allowsDowngrade { try refuseDowngrade(candidate, isWell: isWell(candidate.name.name)) }
            candidates.append(candidate)
        }
        FaultPoint.pass("operator.checked")
        for candidate in candidates { try accept(candidate, allowsDowngrade: allowsDowngrade) }
        return Set(candidates.map(\.name.name))
    }

    private func candidate(_ path: String) throws(StepFailure) -> Candidate {
        let file = String(path.split(separator: "/").last ?? "")
        let name: PackageName
        do { name = try PackageName.parse(file) } catch { throw StepFailure(.release, "\(error)") }
        let hex: String
        do throws(SystemError) { hex = try SHA256.hex(ofFile: path) } catch { throw StepFailure(error) }
        let candidate = Candidate(
            path: path, name: name, digest: Digest(hex), byteCount: FileTree.byteCount(ofFile: path))
        guard candidate.byteCount != 0 else { throw refusal(path, "the file is empty") }
        // What could not be read back must not get into the journal.
        let draft = OperatorEntry(release: candidate.wish(commandNumber: 1))
        let text = OperatorLayer(apps: [name.name: draft]).canonicalJSON().text()
        do throws(DocumentErrors) { _ = try OperatorLayer.stored(text, source: path) } catch {
            throw refusal(path, "\(error)")
        }
        try check(path)
        return candidate
    }

    /// Unpacks the package beside the releases, to its last byte, and judges it as `gwe package check` does. Programs
    /// for other machines are no reason to refuse it: its installer may choose among them.
    private func check(_ path: String) throws(StepFailure) {
        do {
            var limits = UnpackLimits()
            limits.allowsSetuid = try inputs().merged.policy.allowSetuid
            let findings = try PackageInspection.check(
                path, machine: KernelInfo.name.machine, environment: ProcessFacts.environment,
                below: context.folders.releasesFolder, limits: limits)
            let failures = findings.filter { $0.level == .fail && $0.subject != "binaries" }
            guard !failures.isEmpty else { return }
            throw refusal(path, failures.map { "\($0.subject): \($0.message)" }.joined(separator: "; "))
        } catch let error as StepFailure {
            throw error
        } catch let error as UnpackError {
            throw StepFailure(unpack: error, artifact: path)
        } catch let error as SystemError {
            throw StepFailure(error)
        } catch {
            throw StepFailure(.local, "cannot check \(path): \(error)")
        }
    }

    private func refusal(_ path: String, _ why: String) -> StepFailure {
        StepFailure(.release, "cannot install \(path): \(why)")
    }

    /// Asks the plan whether it would take the package, before anything is recorded: a wish that is refused must not
    /// stay in force.
    private func refuseDowngrade(_ candidate: Candidate, isWell: Bool?) throws(StepFailure) {
        let app = candidate.name.name
        do throws(JournalError) {
            guard let record = try journal.apps()[app], let current = record.current else { return }
            var observed = ObservedState()
            var there = ObservedApp(current: current.installed)
            there.earlier = record.others.filter(\.activated).map(\.installed)
            there.isHealthy = isWell
            observed.apps[app] = there
            var desired = DesiredState()
            desired.policy = try inputs().merged.policy
            desired.apps[app] = DesiredApp(
                name: app, release: Sourced(candidate.wish(commandNumber: 0), from: .operatorCommand))
            let plan = Plan.make(desired: desired, observed: observed)
            guard let refused = plan.apps.first(where: { $0.app == app && $0.action == .blocked }) else { return }
            throw JournalError("\(refused.reason)")
        } catch {
            throw refusal(candidate.path, error.description)
        }
    }

    private func accept(_ candidate: Candidate, allowsDowngrade: Bool) throws(StepFailure) {
        let now = context.clock()
        do throws(JournalError) {
            let run = try journal.write { (c: inout DatabaseConnection) throws(DatabaseError) in
                try c.insertCommand(resource: "operator", text: candidate.path, isCleared: true, at: now)
            }
            FaultPoint.pass("operator.numbered")
            try change(candidate.name.name) { entry, base in
                entry.release = candidate.wish(commandNumber: run)
                entry.base = base
                entry.allowsDowngrade = allowsDowngrade
                if entry.state == .stopped { entry.state = nil }
            }
            FaultPoint.pass("operator.accepted")
        } catch {
            throw StepFailure(error)
        }
    }
}

extension OperatorCommands.Candidate {
    fileprivate func wish(commandNumber: Int64) -> ReleaseWish {
        ReleaseWish(
            version: name.version, location: .path(path), sha256: digest, size: byteCount, commandNumber: commandNumber)
    }
}
