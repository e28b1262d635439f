internal import DeviceClient
public import GatewayModel

/// `gwe activate`: asks the cloud for a token.
public enum Activation {
    /// Gets a token and keeps it durably, then has a running daemon ask the cloud at once.
    /// - Parameter again: activates also where there is a token already, which is kept as the previous generation.
    /// - Returns: what the command ends with, and its words.
    public static func run(_ context: GatewayContext, again: Bool) -> (ExitStatus, String) {
        guard context.configuration.product != nil else {
            return (.badConfiguration, "cannot activate: no product is set (gwe config set product ID)")
        }
        do {
            let client = try CloudConnection.client(context, mayActivate: true) { _ in }
            if !again, try client.isActivated() {
                let trouble = CloudInvitation.refusal(context)
                let isAsked = CloudInvitation.send(context)
                var words = "already activated as \(client.configuration.identity)"
                if let trouble {
                    words +=
                        ", and refused since \(trouble.since): \(trouble.words()); it is tried again "
                        + (isAsked ? "now" : "with the next pass")
                }
                return (.success, words)
            }
            try client.activate()
            CloudInvitation.send(context, isActivated: true)
            return (.success, "activated as \(client.configuration.identity)")
        } catch let error as DeviceClientError {
            return (exit(of: error.kind), "\(error)")
        } catch let error as IdentityError {
            return (.badConfiguration, "\(error)")
        } catch {
            return (.inputOutputError, "\(error)")
        }
    }

    /// A cloud that has answered no is not out of reach.
    private static func exit(of kind: DeviceClientError.Kind) -> ExitStatus {
        switch kind {
        case .permanent, .notActivated, .notAuthorised, .unknownDevice, .alreadyActivated: .notPermitted
        case .retryLater, .captivePortal, .clock: .unavailable
        }
    }
}
