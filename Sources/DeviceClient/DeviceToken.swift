/// The credential of an activated device: 40 letters and digits. It prints as `token (hidden)` wherever it goes;
/// only `secret` gives it away.
public struct DeviceToken: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    /// How many characters a token has.
    public static let length = 40

    /// The 40 characters. For the request's header, the token file, and `gwe config get token`.
    public let secret: String

    /// nil unless the text is exactly 40 ASCII letters and digits.
    public init?(_ text: some StringProtocol) {
        let isToken = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard text.utf8.count == DeviceToken.length, isToken else { return nil }
        secret = String(text)
    }

    /// `token (hidden)`, never the characters.
    public var description: String { "token (hidden)" }
    /// `token (hidden)`, never the characters.
    public var debugDescription: String { description }
    /// A mirror without children, so that `dump` and the like show no characters.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
