import GatewaySystem
import Glibc
import Testing

@Suite("Giving memory back")
struct ProcessMemoryTests {
    /// KiB of executable mappings of files that are resident, from /proc/self/smaps (proc_pid_smaps(5)).
    private static func residentCode() throws -> Int {
        var sum = 0
        var isCode = false
        let text = String(decoding: try AtomicFile.read("/proc/self/smaps", limit: 16 << 20), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 1, words[1].count == 4, words[0].contains("-") {
                isCode = words[1] == "r-xp" && words.last?.hasPrefix("/") == true
            } else if isCode, words.first == "Rss:", words.count > 1, let size = Int(words[1]) {
                sum += size
            }
        }
        return sum
    }

    @Test("code that does not run is unmapped, and runs again when it is called")
    func unmapsCode() throws {
        var smallest = Int.max
        let before = try ProcessMemoryTests.residentCode()
        // Other suites run in this process meanwhile and map theirs again: the smallest of a few looks counts.
        for _ in 0..<20 {
            ProcessMemory.release()
            smallest = min(smallest, try ProcessMemoryTests.residentCode())
        }
        #expect(smallest < before * 3 / 4, "\(before) KiB of code before, \(smallest) KiB after")
    }

    @Test("what the program holds stays as it was: constants, variables and heap")
    func keepsData() {
        let texts = (0..<1_000).map { "text \($0) \(String(repeating: "x", count: $0))" }
        let copy = texts.map { $0 + "" }
        for _ in 0..<100 { ProcessMemory.release() }
        #expect(copy == texts)
        #expect(String(cString: strerror(ENOENT)) == "No such file or directory")
    }
}
