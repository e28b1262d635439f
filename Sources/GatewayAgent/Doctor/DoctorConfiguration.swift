internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

extension DoctorCheck {
    static let config = DoctorCheck(id: "config", subject: "gateway.yaml, and who this gateway is") { scene in
        guard let problem = scene.configurationProblem else { return DoctorCheck.identity(scene) }
        // Unknown keys say nothing of those that are known.
        guard problem.verdict == .warning else { return problem }
        return DoctorFinding.worst(of: [problem, DoctorCheck.identity(scene)]) ?? problem
    }

    private static func identity(_ scene: DoctorScene) -> DoctorFinding {
        guard scene.configuration.product != nil else {
            return .warning("no product is set: the local manifest rules alone", hint: "'gwe config set product ID'")
        }
        do throws(IdentityError) {
            let identity = try Identity.resolve(scene.configuration)
            if let warning = identity.warning { return .warning(warning) }
            return .ok("\(identity.text) of product \(scene.configuration.product ?? "")")
        } catch {
            return .failed("\(error)", hint: "'gwe config set identity SERIAL' or 'gwe config set interface eth0'")
        }
    }

    static let manifest = DoctorCheck(id: "manifest", subject: "the local desired state") { scene in
        let path = scene.manifestFile
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try AtomicFile.read(path, limit: DesiredInputs.manifestByteLimit) } catch {
            if error.code == ENOENT, let before = scene.lastManifest {
                return .failed(
                    "\(path) was there and is gone; the last good one (\(before)) stays in force",
                    hint: "put it back; a manifest with 'apps: {}' removes everything")
            }
            if error.code == ENOENT { return .ok("none: the cloud rules alone") }
            return error.isNotPermitted ? .skipped("not permitted: \(error)") : .failed("\(error)")
        }
        do throws(DocumentErrors) {
            let layer = try ManifestDecoder.decode(bytes, source: path, kind: .local, yaml: YAML.read)
            return .ok("\(path) names \(layer.apps.count) \(layer.apps.count == 1 ? "app" : "apps")")
        } catch {
            return .failed("\(error)", hint: "correct it; 'gwe validate \(path)' checks it")
        }
    }

    /// What the policy asks of signatures can be met.
    static let signatures = DoctorCheck(
        id: "signature-policy", subject: "allowed_signers, if policy.require_signature is on"
    ) { scene in
        let path = scene.folders.allowedSignersFile
        var isRequired = false
        if let bytes = try? AtomicFile.read(scene.manifestFile, limit: DesiredInputs.manifestByteLimit),
            let layer = try? ManifestDecoder.decode(bytes, source: scene.manifestFile, kind: .local, yaml: YAML.read)
        {
            isRequired = layer.policy?.requireSignature ?? false
        }
        if let journal = try? Journal.openReadOnly(folders: scene.folders, clock: scene.clock),
            let inputs = try? DesiredInputs.load(context: scene.context, journal: journal)
        {
            isRequired =
                Policy.merge(local: inputs.local?.policy, cloud: inputs.cloud.layer?.policy).policy.requireSignature
        }
        let level: DoctorFinding.Verdict = isRequired ? .failed : .warning
        let hint = "a line is: name namespaces=\"gwe/*\" ssh-ed25519 AAAA…  (ssh-keygen(1), ALLOWED SIGNERS)"
        let text: String
        do throws(SystemError) {
            text = String(decoding: try AtomicFile.read(path, limit: 1 << 20), as: UTF8.self)
        } catch {
            if error.isNotPermitted { return .skipped("not permitted: \(error)") }
            guard isRequired else { return .ok("signatures are not required") }
            return .failed("signatures are required and \(path) cannot be read: \(error)", hint: hint)
        }
        let (signers, bad) = AllowedSigners.read(text)
        if let bad { return DoctorFinding(level, "\(path):\(bad): no key that can be read", hint: hint) }
        if signers == 0 { return DoctorFinding(level, "\(path) names nobody", hint: hint) }
        return .ok("\(signers) \(signers == 1 ? "key" : "keys") in \(path)" + (isRequired ? "" : "; not required"))
    }

    static let daemon = DoctorCheck(
        id: "daemon", subject: "whether gwe run is up and its socket safe", limit: .seconds(8)
    ) { scene in
        let usual = scene.folders.socketFile
        let socket = ControlSocketPlace.find(scene.folders)
        if socket.utf8.count > 107 {
            return .failed(
                "\(socket) is longer than the 107 bytes of a socket's path", hint: "choose a shorter --state-dir")
        }
        if socket != usual {
            let sign = FileTree.signOfLife(ofServer: socket, within: ControlClient.patience)
            if case .answers(let pid) = sign {
                return .warning(
                    "it runs" + (pid.map { ", pid \($0)" } ?? "")
                        + ", with its socket in memory (\(socket)): the state folder takes no writes",
                    hint: "make it writable; 'gwe doctor read-only disk' says more")
            }
        }
        if let distrust = FileTree.distrust(ofSocket: socket) {
            return .failed("\(socket): \(distrust)", hint: "chmod o-w \(scene.folders.runFolder)")
        }
        let holder = try? StateLock.probe(scene.folders.stateFolder)
        switch FileTree.signOfLife(ofServer: socket, within: ControlClient.patience) {
        case .answers(let pid): return .ok("it runs" + (pid.map { ", pid \($0)" } ?? ""))
        case .silent(let pid):
            let failure = ControlClient.Failure.silent(pid: pid ?? holder?.processIdentifier)
            return .failed(failure.description, hint: "see its log; under systemd: systemctl restart gwe")
        case .nobody where holder?.purpose == DaemonProcess.daemonPurpose:
            return .failed(
                "a daemon has the state folder (\(holder?.description ?? "")) and nobody answers at \(socket)",
                hint: "it may be just starting; see its log")
        case .notPermitted: return .skipped("not permitted to connect to \(socket)")
        case .nobody:
            return .warning("no daemon runs: nothing is supervised", hint: "'gwe run', or systemctl start gwe")
        }
    }
}

extension DoctorCheck {
    /// Fewer free than an app needs beside the daemon's reserve warn.
    static let descriptors = DoctorCheck(id: "descriptors", subject: "descriptors that the daemon may still open") {
        scene in
        guard let holder = try? StateLock.probe(scene.folders.stateFolder),
            holder.purpose == DaemonProcess.daemonPurpose
        else { return .skipped("no daemon runs") }
        guard let use = DescriptorLimit.use(of: holder.processIdentifier) else {
            return .skipped("not permitted to look at process \(holder.processIdentifier)")
        }
        guard use.hasRoom(for: 12) else {
            return .warning(
                "\(use.open) of \(use.limit) are open, and \(DescriptorLimit.reserve) are kept for gwe: no app can be started",
                hint: "raise the hard limit of gwe run: LimitNOFILE= of its unit, ulimit -Hn")
        }
        return .ok("\(use.open) of \(use.limit) are open")
    }
}

/// The form of OpenSSH's file of trusted keys (ssh-keygen(1), "ALLOWED SIGNERS"): principals, options, type, key.
enum AllowedSigners {
    /// How many keys there are, and the number of the first line that holds none.
    static func read(_ text: String) -> (count: Int, badLine: Int?) {
        var count = 0
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let types = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"]
            guard let place = words.dropFirst().firstIndex(where: { word in types.contains { word.hasPrefix($0) } }),
                place + 1 < words.count, holds(words[place + 1], type: words[place])
            else { return (count, index + 1) }
            count += 1
        }
        return (count, nil)
    }

    /// Whether the key's own first field names the same type (RFC 4253, 6.6).
    private static func holds(_ key: Substring, type: Substring) -> Bool {
        guard let bytes = Base64Text.decode(key.utf8), bytes.count > 4 else { return false }
        let length = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        return length == type.utf8.count && bytes.dropFirst(4).prefix(length).elementsEqual(type.utf8)
    }
}
