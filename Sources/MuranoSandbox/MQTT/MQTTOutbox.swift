/// Bytes that wait for room in the socket.
struct MQTTOutbox {
    private var buffer: [UInt8] = []
    private var start = 0

    var count: Int { buffer.count - start }
    var isEmpty: Bool { count == 0 }
    var bytes: ArraySlice<UInt8> { buffer[start...] }

    mutating func append(_ bytes: [UInt8]) { buffer += bytes }

    mutating func removeFirst(_ count: Int) {
        start += count
        if start == buffer.count { (buffer, start) = ([], 0) }
    }
}
