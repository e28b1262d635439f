import MuranoSandbox
import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// Any byte of apps, installers and the cloud, on its way through the real programs: no command ends by it, hangs, loses
/// what it was to say, or writes a control character to a terminal.
@Suite("Bytes of others") struct ForeignBytesTests {
    /// Those that end, hide or steer something somewhere.
    static let special: [UInt8] = [0, 7, 8, 12, 13, 27, 0x7F, 0x9B, 0xC2, 0xE2, 0xFF]

    /// Lines as programs do write them, then random ones.
    private static func line(_ number: Int, _ random: inout some RandomNumberGenerator) -> [UInt8] {
        let known: [[UInt8]] = [
            Array("\u{1B}]0;owned\u{7}\u{1B}[2J\u{1B}[31mred".utf8), [0x61, 0, 0x62, 0xFF],
            [0xFF, 0xFE, 0x68, 0, 0x65, 0],
            Array("10 %\r20 %\r30 %".utf8), [0x9B, 0x33, 0x31, 0x6D], Array("\u{9B}31m\u{202E}txt\u{2066}".utf8),
            [0xC3], [0xE2, 0x80], Array("\u{1B}P\u{1B}\\\u{1B}[6n\u{5}".utf8), Array(repeating: 0, count: 40),
        ]
        if number < known.count { return known[number] }
        return (0..<Int.random(in: 1...80, using: &random)).map { _ in
            Int.random(in: 0...2, using: &random) == 0
                ? special.randomElement(using: &random) ?? 0
                : UInt8.random(in: 0...255, using: &random)
        }.filter { $0 != 10 }
    }

    /// For printf(1).
    private static func octal(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 8)
            return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
        }.joined()
    }

    private func onTerminal(_ gateway: GatewayFixture, _ command: String) throws -> Ran {
        try TerminalOutput.run(gateway, "\(Repository.products)/\(command)")
    }

    private func unsafe(_ text: String) -> [String] { TerminalOutput.unsafe(text) }

    @Test("what an app writes")
    func app() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        var random = SystemRandomNumberGenerator()
        let lines = (0..<30).map { ForeignBytesTests.line($0, &random) }
        let body = lines.map { "printf '\(ForeignBytesTests.octal($0))\\n'" }.joined(separator: "\n")
        let script = body + "\nprintf 'the end\\n'\nexec sleep 1000"
        try gateway.services([.quickService("web", "1", extra: ["bin/run": .script(script)])])
        try gateway.withDaemon { _ in
            try gateway.eventually("all is in the log") {
                (try? Data(contentsOf: URL(fileURLWithPath: gateway.logFolder + "/web.log")))?
                    .suffix(8).elementsEqual(Array("the end\n".utf8)) == true
            }
            for command in ["gwe status web", "gwe status", "gwe logs web -n all", "gwe status web --json"] {
                let ran = try onTerminal(gateway, command)
                #expect(unsafe(ran.out) == [], "\(command): \(ran)")
                #expect(
                    ran.code == 0 && ran.out.contains(command.hasPrefix("gwe logs") ? "the end" : "web"),
                    "\(command): \(ran)")
            }
            #expect(try onTerminal(gateway, "gwe logs web -n all").out.contains("^[]0;owned^G^[[2J^[[31mred"))
            #expect(try gateway.row("web")["state"]?.string == "RUNNING")
            // Elsewhere, bytes are as they came.
            let raw = try TestProcess.run(
                "/bin/sh", ["-c", "\(Repository.products)/gwe logs web -n all | cmp - '\(gateway.logFolder)/web.log'"],
                environment: gateway.variables)
            #expect(raw.code == 0, "\(raw)")
        }
    }

    @Test("what an installer writes before it fails: its last words, and the report of it")
    func installer() throws {
        let gateway = try GatewayFixture()
        var random = SystemRandomNumberGenerator()
        for round in 0..<8 {
            let bytes = ForeignBytesTests.line(round, &random)
            let script = "printf 'start \(ForeignBytesTests.octal(bytes))\\nno space for firmware\\n' >&2; exit 3"
            try gateway.upload(TestPackage("tool", "1.\(round)", files: ["install.sh": .script(script)]))
            try gateway.command(#"{"install":[{"name":"tool.v1.\#(round).tar.gz"}]}"#)
            let pass = try onTerminal(gateway, "gwe reconcile")
            #expect(unsafe(pass.out) == [], "\(bytes): \(pass)")
            #expect(pass.out.contains("no space for firmware"), "\(bytes): \(pass)")
            for command in ["gwe status", "gwe status tool", "gwe history 1", "gwe report --print"] {
                let ran = try onTerminal(gateway, command)
                #expect(unsafe(ran.out) == [], "\(command): \(bytes): \(ran)")
                #expect(ran.code != nil && !ran.out.isEmpty, "\(command): \(bytes): \(ran)")
            }
            let reported = try #require(try gateway.resource("fetch_status"))
            #expect(reported.contains("tool.v1.\(round).tar.gz"), "\(bytes): \(reported)")
        }
        #expect(try gateway.gwe("status", "tool").out.contains("no space for firmware"))
        #expect(try gateway.gwe("history", "1").out.contains("no space for firmware"))
    }

    @Test("the kept end of a long output does not begin in the middle of a letter")
    func cutLetter() throws {
        let gateway = try GatewayFixture()
        let script = "printf 'x'; i=0; while [ $i -lt 2600 ]; do printf 'ä'; i=$((i + 1)); done; exit 4"
        try gateway.upload(TestPackage("tool", "1", files: ["install.sh": .script(script)]))
        try gateway.command(#"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        _ = try gateway.gwe("reconcile")
        let reported = try #require(try gateway.resource("fetch_status"))
        #expect(reported.contains("ää") && !reported.contains("\u{FFFD}"), "\(reported.prefix(300))")
    }

    @Test(
        "what the cloud says",
        arguments: [
            ("update_interval", "\u{1B}[31m60"), ("update_interval", "6\u{0}0"), ("engine_fetch", "{\u{1B}]0;x\u{7}"),
            ("engine_fetch", "{\"install\":[{\"name\":\"\u{202E}web.v1.tar.gz\"}]}"),
            ("engine_fetch", "\u{9B}31m<html>"),
        ])
    func cloud(_ resource: String, _ value: String) throws {
        let gateway = try GatewayFixture()
        try gateway.sandbox.write(gateway.id, resource, value)
        for command in ["gwe reconcile", "gwe status", "gwe doctor --offline", "gwe report --print"] {
            let ran = try onTerminal(gateway, command)
            #expect(unsafe(ran.out) == [], "\(command): \(ran)")
            #expect(ran.code != nil && !ran.out.isEmpty, "\(command): \(ran)")
        }
    }

    @Test("gwe's own colours are there all the same, and only they are escape sequences")
    func colours() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let ran = try TerminalOutput.run(
            gateway, "\(Repository.products)/gwe reconcile --dry-run", ["TERM": "xterm"])
        #expect(ran.out.contains("\u{1B}[1mweb\u{1B}[0m"), "\(ran)")
        #expect(!ran.out.contains("\u{E000}") && !ran.out.contains("\u{E001}"), "\(ran)")
    }
}
