import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Apps that write what is no text.
@Suite("Odd bytes in an app's output") struct OddBytesTests {
    struct Kind: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]

        init(_ name: String, _ bytes: [UInt8]) {
            testDescription = name
            self.bytes = bytes
        }

        init(_ name: String, text: String) { self.init(name, Array(text.utf8)) }
    }

    /// UTF-16 without its last byte.
    private static let utf16: [UInt8] = {
        var bytes: [UInt8] = []
        for unit in "\u{FEFF}hello\n".utf16 {
            bytes.append(UInt8(unit & 0xFF))
            bytes.append(UInt8(unit >> 8))
        }
        return Array(bytes.dropLast())
    }()

    private static func all(_ range: ClosedRange<UInt8>) -> [UInt8] { Array(range) + [0x0A] }

    static let kinds: [Kind] = [
        Kind("projectdiscovery/pd-agent#153: NUL", [0x61, 0, 0x62, 0xFF, 0x0A]),
        Kind("every byte", all(0...255)), Kind("C1 alone, and bytes that never are UTF-8", all(0x80...0xFF)),
        Kind("UTF-16 with NULs, cut in a character", utf16),
        Kind("escape sequences", text: "\u{1B}[2J\u{1B}]0;title\u{07}\u{9B}31mred\u{1B}c\n"),
        Kind("lone carriage returns", text: "one\rtwo\rthree\r\nfour\r"),
        Kind("cut UTF-8, surrogates, too long forms", [0xE2, 0x82, 0x0A, 0xED, 0xA0, 0x80, 0x0A, 0xC0, 0x80, 0x0A]),
        Kind("bidirectional marks and line separators", text: "a\u{202E}b\u{2066}c\u{2028}d\u{0085}e\n"),
        Kind("nothing but NUL", [UInt8](repeating: 0, count: 4_096)),
    ]

    @Test("state, logs and reports are there whatever an app writes", arguments: kinds)
    func odd(_ kind: Kind) throws {
        let text = Data(kind.bytes).base64EncodedString()
        try check("printf %s \(text) | base64 -d") { log in #expect(log == kind.bytes) }
    }

    @Test("a megabyte without a newline is written as it comes, and its end is shown")
    func endless() throws {
        try check("head -c 1000000 /dev/zero | tr '\\0' x") { log in
            #expect(log == [UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000))
        }
    }

    private func check(_ command: String, _ expect: ([UInt8]) -> Void) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let conf = "[supervisord]\ncommand=bin/run\nautorestart=false\nstartsecs=0\nstdout_logfile_maxbytes=4MB\n"
        let files: [String: TestPackage.File] = [
            "supervisor.conf": .init(conf), "bin/run": .script("\(command)\necho; echo the end\nexec sleep 1000"),
        ]
        try gateway.services([.quickService("web", "1", extra: files)])
        try gateway.withDaemon { _ in
            let path = gateway.logFolder + "/web.log"
            let end = Array("\nthe end\n".utf8)
            try gateway.eventually("all is written") {
                FileManager.default.contents(atPath: path).map { Array($0.suffix(end.count)) == end } ?? false
            }
            let log = Array(FileManager.default.contents(atPath: path) ?? Data())
            expect(Array(log.dropLast(end.count)))
            let text = try gateway.gwe("status", "web")
            #expect(text.code == 0 && text.out.contains("RUNNING") && text.out.contains("the end"), "\(text)")
            let (code, document) = try gateway.status("web")
            let pid = try #require(document["pid"]?.int)
            #expect(code == 0 && document["state"]?.string == "RUNNING" && ProcessFacts(Int32(pid)) != nil)
            #expect(document["log"]?.elements?.last?.string == "the end")
            #expect(try gateway.status().document["apps"]?.elements?.count == 1)
            let logs = try gateway.gwe("logs", "web", "-n", "all")
            #expect(logs.code == 0 && logs.out == String(decoding: log, as: UTF8.self))
            let report = try gateway.gwe("report", "--print")
            #expect(report.code == 0 && report.json?["engine_report"]?["apps"]?.elements?.count == 1, "\(report)")
            // A reader of JSON that others wrote takes it, too.
            let python = try TestProcess.run(
                "python3", ["-c", "import json, sys; print(json.load(sys.stdin)['state'])"],
                input: try gateway.gwe("status", "web", "--json").out)
            #expect(python.out == "RUNNING\n", "\(python)")
        }
    }
}
