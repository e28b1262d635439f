import Foundation
import GatewaySystem
import Glibc
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

    private func append(_ text: String, _ path: String) {
        let file = open(path, O_WRONLY | O_APPEND)
        defer { close(file) }
        _ = Glibc.write(file, text, text.utf8.count)
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

    @Test(
        "papertrail/remote_syslog2#151: rotation to a name with a date; what came last into the old file is shown too")
    func datedName() throws {
        write("a\n", log)
        let shown = try follow(until: "c\n") { piece in
            guard piece == "a\n" else { return }
            append("b\n", log)  // hpcloud/tail#127
            rename(log, folder + "/web-2016-06-15.log")
            write("c\n", log)
        }
        #expect(shown == "a\nb\nc\n")
    }

    @Test("honeycombio/honeytail#86: copied and truncated, the first line after that is shown, and the copy is not")
    func copyTruncate() throws {
        write("a\na\n", log)
        let shown = try follow(until: "c\n") { piece in
            switch piece {
            case "a\na\n":
                write("a\na\n", log + ".1")
                truncate(log, 0)
                append("b\n", log)
            case "b\n":
                rename(log + ".1", log + ".2")
                rename(log, log + ".1")
                write("c\n", log)
            default: break
            }
        }
        #expect(shown == "a\na\nb\nc\n")
    }

    @Test(
        "bgreenlee/pygtail#19: an editor puts another file in the place, a longer or a shorter one", arguments: [1, 9])
    func editor(count: Int) throws {
        write("aaa\n", log)
        let shown = try follow(until: "z\n") { piece in
            guard piece == "aaa\n" else { return }
            write(String(repeating: "b\n", count: count) + "z\n", log + "~")
            rename(log + "~", log)
        }
        #expect(shown == "aaa\n" + String(repeating: "b\n", count: count) + "z\n")
    }
}
