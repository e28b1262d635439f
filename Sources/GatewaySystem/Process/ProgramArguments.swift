internal import CLinux
internal import Glibc

/// The words that this process was started with.
public enum ProgramArguments {
    /// The program's name and its arguments; nil when they cannot be told.
    ///
    /// They come from the C runtime, else from /proc/self/cmdline. `CommandLine.arguments` is empty where /proc is not
    /// mounted or may not be read, as if there had been none.
    public static let words: [String]? = fromRuntime() ?? fromProc()

    private static func fromRuntime() -> [String]? {
        bytesFromRuntime()?.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func fromProc() -> [String]? {
        (try? bytesFromProc())?.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The same as they are now, byte by byte, for an exec in place.
    /// - Throws: when neither tells them.
    static func bytes() throws(SystemError) -> [[UInt8]] {
        if let bytes = bytesFromRuntime() { return bytes }
        return try bytesFromProc()
    }

    private static func bytesFromRuntime() -> [[UInt8]]? {
        var count: Int32 = 0
        guard let first = gwe_arguments(&count), count > 0 else { return nil }
        let words = (0..<Int(count)).compactMap { index in
            first[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
        return words.count == Int(count) ? words : nil
    }

    private static func bytesFromProc() throws(SystemError) -> [[UInt8]] {
        errno = 0
        guard let line = ProcessFacts.content("/proc/self/cmdline", limit: 4 << 20), line.last == 0 else {
            throw SystemError("read /proc/self/cmdline", code: errno == 0 ? ENOENT : errno)
        }
        return line.dropLast().split(separator: 0, omittingEmptySubsequences: false).map(Array.init)
    }

    /// Writes `x` over every occurrence of a secret in the memory that `ps` and /proc/PID/cmdline show.
    ///
    /// What was seen before this call stays seen, so this narrows a leak to the moment of the start; it closes none.
    /// `words` keeps its copy.
    /// - Returns: whether there was anything to hide, and it is hidden.
    @discardableResult
    public static func hide(_ secret: String) -> Bool {
        let needle = Array(secret.utf8)
        guard !needle.isEmpty, let (start, end) = range(),
            let base = UnsafeMutableRawPointer(bitPattern: start)
        else { return false }
        let bytes = UnsafeMutableRawBufferPointer(start: base, count: Int(end - start))
        var found = false
        var index = 0
        while index + needle.count <= bytes.count {
            if bytes[index] == needle[0], bytes[index..<(index + needle.count)].elementsEqual(needle) {
                for place in index..<(index + needle.count) { bytes[place] = UInt8(ascii: "x") }
                found = true
                index += needle.count
            } else {
                index += 1
            }
        }
        return found
    }

    /// arg_start and arg_end, fields 48 and 49 of /proc/self/stat (proc_pid_stat(5)). The kernel shows them to the
    /// process itself.
    private static func range() -> (UInt, UInt)? {
        guard let bytes = try? AtomicFile.read("/proc/self/stat", limit: 4096) else { return nil }
        // The second field is the program's name and may hold anything but a NUL: the rest begins after its last ')'.
        guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 46, let start = UInt(String(decoding: fields[45], as: UTF8.self)),
            let end = UInt(String(decoding: fields[46], as: UTF8.self)), start > 0, end > start, end - start < 16 << 20
        else { return nil }
        return (start, end)
    }
}
