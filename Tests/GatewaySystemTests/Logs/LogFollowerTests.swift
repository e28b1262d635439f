import Foundation
import GatewaySystem
import TestSupport
import Testing

/// A follower whose log is rotated at the very moment at which it shows a line: what it does next it does with other files.
@Suite("A follower of a log") struct LogFollowerTests {
    private let folder: String
    private var log: String { "\(folder)/web.log" }

    init() throws {
        folder = "/tmp/gwe-follower.\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func write(_ text: String, _ path: String) {
        _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
    }

    /// What is shown until `last` is; `change` is called with each piece, on the follower's own thread.
    private func follow(until last: String, _ change: (String) -> Void) throws -> String {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var shown = ""
        let output = open("/dev/null", O_WRONLY)
        defer { close(output) }
        try LogFollower([LogReader(LogFiles(path: log, owner: nil))]).run(lines: nil, output: output) { _, bytes in
            let piece = String(decoding: bytes, as: UTF8.self)
            shown += piece
            change(piece)
            return !shown.hasSuffix(last)
        }
        return shown
    }

    @Test("what was shown is not shown again, though its file was moved while the next one was shown")
    func again() throws {
        write("a\n", log)
        let shown = try follow(until: "d\n") { piece in
            switch piece {
            case "a\n":
                rename(log, log + ".1")
                write("b\n", log)
            case "b\n":
                unlink(log)
                rename(log + ".1", log + ".2")
                write("c\n", log + ".1")
                write("d\n", log)
            default: break
            }
        }
        #expect(shown == "a\nb\nc\nd\n")
    }

    @Test("what was rotated while a line was shown is shown")
    func lost() throws {
        write("a\n", log)
        let shown = try follow(until: "e\n") { piece in
            switch piece {
            case "a\n":
                rename(log, log + ".2")
                write("b\n", log + ".1")
                write("c\n", log)
            case "c\n":
                rename(log + ".2", log + ".4")
                rename(log + ".1", log + ".3")
                rename(log, log + ".2")
                write("d\n", log + ".1")
                write("e\n", log)
            default: break
            }
        }
        #expect(shown == "a\nb\nc\nd\ne\n")
    }

    @Test("rotated files from before are shown once, and those with the lines that are not wanted never")
    func before() throws {
        write("old\n", log + ".2")
        write("older\n", log + ".3")
        write("new\n", log + ".1")
        write("a\n", log)
        let shown = try follow(until: "c\n") { piece in
            guard piece == "a\n" else { return }
            for number in [3, 2, 1] { rename("\(log).\(number)", "\(log).\(number + 2)") }
            rename(log, log + ".2")
            write("b\n", log + ".1")
            write("c\n", log)
        }
        #expect(shown == "older\nold\nnew\na\nb\nc\n")
    }
}
