import Foundation
import GatewaySystem

/// Looks again and again until something holds; false when it never did within the limit.
///
/// The limit is for a broken program, not for a slow machine: no test takes less time by a shorter one.
public func eventually(within limit: Duration = .seconds(60), _ condition: () throws -> Bool) rethrows -> Bool {
    let end = MonotonicTime.now + limit
    while try !condition() {
        // One last look: the machine may have been busy elsewhere since the one before.
        if MonotonicTime.now >= end { return try condition() }
        usleep(5_000)
    }
    return true
}
