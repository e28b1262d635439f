internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

extension CloudTrouble.Kind {
    /// Every error of the device client has one kind of trouble.
    init(_ error: DeviceClientError) {
        self =
            switch error.kind {
            case .notActivated: .notActivated
            case .notAuthorised: .notAuthorised
            case .unknownDevice: .unknownDevice
            case .alreadyActivated: .alreadyActivated
            case .clock: .clock
            // Without a page or a redirect: the cloud's own answer, or somebody's, in a form that no call has.
            case .captivePortal: error.transfer == nil ? .garbledAnswer : .captivePortal
            case .permanent, .retryLater:
                if let transfer = error.transfer {
                    CloudTrouble.Kind(transfer)
                } else if let status = error.status {
                    CloudTrouble.Kind(status: status, retryAfter: error.retryAfter)
                } else {
                    // The token's file.
                    .storage
                }
            }
    }

    init(_ error: TransferError) {
        self =
            switch error.kind {
            case .dns: .dns
            case .connect: .noConnection
            case .timeout: .timeout
            case .tls: .tls
            case .clockSuspect: .clock
            case .expired: .certificateExpired
            case .proxy: .proxy
            case .tooSlow, .cut, .cancelled: .badLink
            case .tooLarge, .malformed, .wrongSize: .garbledAnswer
            case .captivePortal: .captivePortal
            case .wrongDigest, .changed: .artifact
            case .refused: .configuration
            case .storage: error.isNoSpace ? .noSpace : .storage
            case .http(let status): CloudTrouble.Kind(status: status, retryAfter: error.retryAfter)
            }
    }

    private init(status: Int, retryAfter: Duration?) {
        self =
            switch status {
            case 401: .notAuthorised
            case 407: .proxy
            case 408, 425, 429: .busy
            case 503 where retryAfter != nil: .busy
            case 500...: .serverError
            case 400..<500: .refused
            // 206 and the like, of a request that asked for nothing of the kind.
            default: .garbledAnswer
            }
    }
}
