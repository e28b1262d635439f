internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem

/// Tokens as they are handed to `gdc`. No message quotes one.
enum GDCToken {
    /// From the command line, then from the environment. nil when neither names one.
    static func given(_ options: GDCOptions) throws(GDCFailure) -> DeviceToken? {
        if let text = options.token { return try parse(text, from: "-k") }
        if let path = options.tokenFile { return try read(path) }
        if let text = environmentVariable("GDC_TOKEN"), !text.isEmpty { return try parse(text, from: "GDC_TOKEN") }
        if let path = environmentVariable("GDC_TOKEN_FILE"), !path.isEmpty { return try read(path) }
        return nil
    }

    static func parse(_ text: String, from place: String) throws(GDCFailure) -> DeviceToken {
        guard let token = DeviceToken(text) else {
            let found = "expected 40 letters and digits, found \(text.count) characters"
            throw .usage("the token from \(place) is none: \(found)")
        }
        return token
    }

    private static func read(_ path: String) throws(GDCFailure) -> DeviceToken {
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try AtomicFile.read(path, limit: 4096) } catch {
            throw GDCFailure(code: ExitStatus.noInput.rawValue, message: error.description)
        }
        return try parse(String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }, from: path)
    }
}
