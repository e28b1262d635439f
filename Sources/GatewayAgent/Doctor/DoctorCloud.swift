internal import GatewayModel
internal import DeviceClient
internal import GatewaySystem

/// The cloud's answer, asked for once for all checks: its clock, without a token, and then one read with the token that is
/// stored, which activates nothing. Both are metered where there is a daemon to count them: a doctor writes nothing.
struct DoctorCloud: Sendable {
    static let timeout: Duration = .seconds(8)

    enum Answer: Sendable {
        /// No product is configured, or no identity.
        case none(String)
        case time(Int64, after: Duration)
        case failed(DeviceClientError)
        /// Time ran out before libcurl's own did.
        case unanswered(String)
    }

    enum TokenAnswer: Sendable, Hashable {
        case notAsked
        case accepted
        case refused
        case failed(String)
    }

    var answer: Answer
    var certificates: [CertificateFacts] = []
    var token = TokenAnswer.notAsked

    static func unanswered(_ why: String) -> DoctorCloud { DoctorCloud(answer: .unanswered(why)) }

    static func ask(_ scene: DoctorScene) -> DoctorCloud {
        guard scene.configuration.product != nil else { return DoctorCloud(answer: .none("no product is configured")) }
        do {
            var device = try CloudIdentity.configuration(scene.context).device
            device.mayActivate = false
            device.timeout = timeout
            device.transfer.keepsCertificates = true
            let client = try DeviceClient(configuration: device, tokens: .none)
            client.meter = scene.context.usageMeter(mayWrite: false).count
            return ask(client, try? TokenStore(path: scene.folders.tokenFile).load(repairing: false)?.token)
        } catch let error as DeviceClientError {
            return DoctorCloud(answer: .failed(error))
        } catch {
            return DoctorCloud(answer: .none("\(error)"))
        }
    }

    private static func ask(_ client: DeviceClient, _ token: DeviceToken?) -> DoctorCloud {
        let start = MonotonicTime.now
        var cloud: DoctorCloud
        do throws(DeviceClientError) {
            let seconds = try client.timestamp()
            cloud = DoctorCloud(answer: .time(seconds, after: start.duration(to: .now)))
        } catch {
            return DoctorCloud(answer: .failed(error))
        }
        cloud.certificates = client.serverCertificates
        guard let token else { return cloud }
        do throws(DeviceClientError) {
            let answer = try client.answer(to: .read(["update_interval"]), token: token)
            switch answer.status {
            case 200, 204: cloud.token = .accepted
            case 401: cloud.token = .refused
            default: cloud.token = .failed("the server answered \(answer.status)")
            }
        } catch {
            cloud.token = .failed("\(error)")
        }
        return cloud
    }
}
