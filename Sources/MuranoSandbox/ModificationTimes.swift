internal import GatewaySystem
internal import Synchronization

/// The time in `Last-Modified`, in seconds, such that nobody misses a change who asks with `If-Modified-Since` what came
/// after an answer, although several changes may fall into one second and several clients may ask for one device.
///
/// A change that is first seen after an answer bears a later second than that answer's `Last-Modified` and its `Date`;
/// so it may be a second or, after several answers within one, some seconds ahead of the clock. Each client that asks
/// on with the `Last-Modified` of its last answer gets each change once, or a later one in its place. The memory
/// ends with the server: after a restart a value's second is that of its writing.
final class ModificationTimes: Sendable {
    private struct Device {
        /// No change that is seen from now on bears this second or an earlier one.
        var given: Int64 = 0
        var known: [String: (timestamp: Int64, seconds: Int64)] = [:]
    }

    private let devices = Lock<[String: Device]>([:])

    /// The second of each reading. `names` are all that were asked for, those without a value too.
    func seconds(_ device: String, _ names: [String], _ readings: [SandboxStore.Reading]) -> [String: Int64] {
        devices.withLock { devices in
            var state = devices[device] ?? Device()
            var seconds: [String: Int64] = [:]
            for name in names {
                guard let reading = readings.first(where: { $0.name == name }) else {
                    // Whatever comes will be a change.
                    state.known[name] = state.known[name] ?? (-1, 0)
                    continue
                }
                let written = reading.timestamp / 1_000_000
                if let known = state.known[name], known.timestamp == reading.timestamp {
                    seconds[name] = known.seconds
                } else {
                    let second = state.known[name] == nil ? written : max(written, state.given + 1)
                    state.known[name] = (reading.timestamp, second)
                    seconds[name] = second
                }
            }
            devices[device] = state
            return seconds
        }
    }

    /// An answer goes out that knows nothing of later changes than those it carries.
    ///
    /// - Parameter time: microseconds since 1970, from before the values were read.
    func give(_ device: String, readAt time: Int64, lastModified: Int64?) {
        devices.withLock { devices in
            var state = devices[device] ?? Device()
            state.given = max(state.given, time / 1_000_000, lastModified ?? 0)
            devices[device] = state
        }
    }
}
