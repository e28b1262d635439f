import Foundation
import Testing

extension ArchitectureTests {
    /// Where services are started, watched, stopped and logged.
    static let roomsWithoutWallClock = [
        "Sources/GatewayAgent/Supervision/", "Sources/GatewayModel/Service/", "Sources/GatewaySystem/Events/",
        "Sources/GatewaySystem/Process/", "Sources/GatewaySystem/Logs/",
    ]

    @Test(
        "no code of supervision and logs reads the wall clock",
        arguments: [
            "CLOCK_REALTIME", "gettimeofday", "time(nil)", "WallTime", "SystemClock", "localtime", "gmtime", "Date(",
        ])
    func wallClock(_ word: String) throws {
        let all = try ArchitectureTests.sources()
        let files = all.filter { file in ArchitectureTests.roomsWithoutWallClock.contains { file.path.hasPrefix($0) } }
        for room in ArchitectureTests.roomsWithoutWallClock {
            #expect(files.contains { $0.path.hasPrefix(room) }, "\(room) is no folder any more")
        }
        #expect(files.flatMap { $0.places(of: word) } == [])
    }

    @Test("the system calls of supervision use monotonic clocks")
    func clocksInC() throws {
        let folder = ArchitectureTests.root.appendingPathComponent("Sources/CLinux").path
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { file in
            // A timer of the wall clock that never fires tells that the clock was set.
            file.hasSuffix(".c") && file != "notices.c"
        }
        let text = try files.map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }.joined()
        #expect(text.contains("CLOCK_MONOTONIC") && !text.contains("CLOCK_REALTIME") && !text.contains("gettimeofday"))
    }
}
