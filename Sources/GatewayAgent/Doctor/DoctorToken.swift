internal import GatewayModel
internal import DeviceClient
internal import GatewaySystem
internal import Glibc

extension DoctorCheck {
    /// The token is there, whole, and the cloud takes it.
    static let token = DoctorCheck(id: "token", subject: "the device's token: there, whole, accepted", needsCloud: true)
    { scene in
        let path = scene.folders.tokenFile
        let stored: (token: DeviceToken, generation: TokenStore.Generation)?
        do throws(SystemError) {
            stored = try TokenStore(path: path).load(repairing: false)
        } catch {
            if error.isNotPermitted { return .skipped("not permitted to read \(path)") }
            return .failed("\(error)", hint: "look at the file system; 'gwe config set token -' writes it anew")
        }
        guard let stored else {
            if FileTree.exists(path) {
                return .failed(
                    "\(path) holds no token, and there is none before it",
                    hint: "'gwe config set token -' puts it back, or enable the activation in the cloud again")
            }
            if scene.configuration.product == nil { return .skipped("no cloud is configured") }
            return .warning("there is none yet", hint: "'gwe activate' asks for one; so does the next pass")
        }
        if stored.generation == .previous {
            return .warning("\(path) is damaged; the one before is used", hint: "the next pass repairs it")
        }
        switch scene.cloud?.token {
        case .accepted?: return .ok("the cloud accepts it")
        case .refused?:
            return .failed(
                "the cloud refuses it (401)",
                hint: "is the device still there and its identity right? 'gwe activate' asks for a new one")
        case .failed(let why)?: return .warning("it is whole; the cloud did not say whether it is good: \(why)")
        case .notAsked?, nil: return .ok("it is whole; the cloud was not asked")
        }
    }

    /// Secrets that others may read.
    static let permissions = DoctorCheck(id: "permissions", subject: "secrets in files that everybody may read") {
        scene in
        var places = [scene.folders.tokenFile, scene.folders.tokenFile + ".previous"]
        let standard = scene.folders.exportedGatewayConfigFile
        places.append(scene.configuration.exportedConfigFile(standard: standard) ?? standard)
        if let key = scene.configuration.clientKey { places.append(key) }
        if let proxy = scene.configuration.proxy, proxy.contains("@") {
            places += [scene.folders.gatewayFile, scene.folders.gatewayOverlayFile].filter { path in
                (try? AtomicFile.read(path, limit: 64 << 10)).map { String(decoding: $0, as: UTF8.self).contains("@") }
                    ?? false
            }
        }
        var count = 0
        var findings: [DoctorFinding] = []
        for path in places {
            var status = stat()
            guard stat(path, &status) == 0 else {
                if errno == EACCES { findings.append(.skipped("not permitted to look at \(path)")) }
                continue
            }
            count += 1
            guard status.st_mode & 0o007 != 0 else { continue }
            let mode = String(status.st_mode & 0o777, radix: 8)
            findings.append(
                .failed(
                    "everybody may read or write \(path) (mode \(mode))",
                    hint: "chmod o= \(path); gwe does so for its token"))
        }
        return DoctorFinding.worst(of: findings)
            ?? .ok(
                count == 0 ? "there are no secrets yet" : count == 1 ? "1 file is closed" : "\(count) files are closed")
    }
}
