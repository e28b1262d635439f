internal import DeviceClient
internal import Documents
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

extension DoctorCheck {
    /// The roots against which the cloud is verified.
    static let trustStore = DoctorCheck(id: "ca-store", subject: "the trusted roots: ca_file or the system's") {
        scene in
        let own = scene.configuration.caFile
        if own == nil, let cloud = scene.cloudURL, cloud.scheme == "http" {
            return .skipped("the cloud is on plain http")
        }
        guard let path = own ?? HTTPTransfer.standardCAFile else {
            return .skipped("libcurl does not tell which roots it uses")
        }
        let hint = own == nil ? "install the package ca-certificates" : "correct ca_file: 'gwe config set ca_file PATH'"
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try AtomicFile.read(path, limit: 8 << 20) } catch {
            return .failed("\(error)", hint: hint)
        }
        let roots = CertificateFacts.inPEM(bytes).compactMap(\.self)
        guard !roots.isEmpty else { return .failed("\(path) holds no certificate", hint: hint) }
        guard scene.isClockPlausible else { return .ok("\(roots.count) in \(path); their dates need a right clock") }
        let now = scene.clock().milliseconds / 1_000
        let valid = roots.count { $0.notBefore <= now && now <= $0.notAfter }
        guard valid > 0 else {
            return .failed("every certificate in \(path) has expired or is not valid yet", hint: hint)
        }
        return .ok("\(valid) of \(roots.count) in \(path) are valid now")
    }

    /// The client certificate of gateway.yaml, and what the server has shown. 30 days before its end it warns, a day before
    /// it fails.
    static let certificates = DoctorCheck(
        id: "certificate-expiry", subject: "the end of client and server certificate (30, 7, 1 days)", needsCloud: true
    ) { scene in
        guard scene.isClockPlausible else { return .skipped("the clock cannot be believed") }
        let now = scene.clock()
        var findings: [DoctorFinding] = []
        if let path = scene.configuration.clientCertificate {
            findings.append(DoctorCheck.client(path, now))
        }
        if let shown = scene.cloud?.certificates, let first = shown.min(by: { $0.notAfter < $1.notAfter }) {
            findings.append(DoctorCheck.expiry(of: "the server's certificate", first, now, "tell the cloud's operator"))
        } else if case .failed(let error)? = scene.cloud?.answer,
            [.tls, .expired].contains(error.transfer?.kind) || error.kind == .clock
        {
            findings.append(
                .failed(
                    "the server's certificate: \(error.reason)", hint: "tell the cloud's operator, or correct ca_file"))
        }
        return DoctorFinding.worst(of: findings) ?? .skipped("there is no certificate to look at")
    }

    private static func client(_ path: String, _ now: WallTime) -> DoctorFinding {
        let hint = "put a new one in its place (client_cert, client_key)"
        do throws(SystemError) {
            let bytes = try AtomicFile.read(path, limit: 1 << 20)
            guard let first = CertificateFacts.inPEM(bytes).first, let facts = first else {
                return .failed("\(path) holds no certificate", hint: hint)
            }
            return expiry(of: path, facts, now, hint)
        } catch {
            return error.isNotPermitted ? .skipped("not permitted to read \(path)") : .failed("\(error)", hint: hint)
        }
    }

    /// The words for the end of one certificate.
    static func expiry(
        of what: String, _ facts: CertificateFacts, _ now: WallTime, _ hint: String
    ) -> DoctorFinding {
        let seconds = now.milliseconds / 1_000
        let end = WallTime(milliseconds: facts.notAfter * 1_000)
        if seconds < facts.notBefore {
            let start = WallTime(milliseconds: facts.notBefore * 1_000)
            return .failed("\(what) is not valid before \(start)", hint: "is the clock right?")
        }
        let left = facts.notAfter - seconds
        if left < 0 { return .failed("\(what) has expired at \(end)", hint: hint) }
        let days = left / 86_400
        let words = "\(what) ends at \(end), in \(days) \(days == 1 ? "day" : "days")"
        switch days {
        case ...1: return .failed(words, hint: hint)
        case ...7: return .warning(words + ": this week", hint: hint)
        case ...30: return .warning(words, hint: hint)
        default: return .ok(words)
        }
    }
}
