import Foundation

@testable import GatewaySystem

extension FileTree {
    static func byteCount(_ path: String) -> Int64? {
        ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? NSNumber)?.int64Value
    }
}
