import Foundation
import GatewaySystem
import Testing

@Suite struct LogFilesTests {
    @Test(
        "the agent's own output is no file of a log: it is neither read nor trimmed",
        arguments: ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2"])
    func ownOutput(_ path: String) throws {
        let files = LogFiles(path: path, owner: nil)
        #expect(files.sizes().isEmpty)
        let reader = LogReader(files)
        #expect(reader.problem()?.description.contains("the lines are in the output of the daemon") == true)
        var count = 0
        reader.tail(nil) { bytes in
            count += bytes.count
            return false
        }
        #expect(count == 0)
        #expect(throws: LogTrouble.self) { try files.remove(0) }
        #expect(throws: LogTrouble.self) { try files.empty() }
        #expect(throws: LogTrouble.self) { try files.cut(0) }
    }
}
