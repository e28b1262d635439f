import Foundation
import TestSupport

/// Tar files made byte by byte, because no tool would write what these tests need (ustar: POSIX.1-2017, pax).
struct TarBytes {
    var bytes: [UInt8] = []

    enum Kind: UInt8 {
        case file = 0x30, hardLink, symlink, character, block, directory, fifo
        case longLink = 0x4B, longName = 0x4C, pax = 0x78
    }

    mutating func add(
        _ name: [UInt8], _ kind: Kind = .file, _ content: [UInt8] = [], target: [UInt8] = [], mode: Int = 0o644,
        size: Int? = nil, time: Int = 1_700_000_000
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ value: [UInt8], at offset: Int) {
            header.replaceSubrange(offset..<(offset + value.count), with: value)
        }
        func octal(_ value: Int, digits: Int, at offset: Int) {
            put(Array(String(repeating: "0", count: digits).utf8), at: offset)
            let text = Array(String(value, radix: 8).utf8)
            put(text, at: offset + digits - text.count)
        }
        put(Array(name.prefix(100)), at: 0)
        octal(mode, digits: 7, at: 100)
        octal(0, digits: 7, at: 108)
        octal(0, digits: 7, at: 116)
        octal(size ?? content.count, digits: 11, at: 124)
        octal(time, digits: 11, at: 136)
        put([kind.rawValue], at: 156)
        put(Array(target.prefix(100)), at: 157)
        put(Array("ustar\u{0}00".utf8), at: 257)
        put(Array("        ".utf8), at: 148)
        octal(header.reduce(0) { $0 + Int($1) }, digits: 6, at: 148)
        put([0, 32], at: 154)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func add(
        _ name: String, _ kind: Kind = .file, _ content: String = "", target: String = "", mode: Int = 0o644
    ) {
        add(Array(name.utf8), kind, Array(content.utf8), target: Array(target.utf8), mode: mode)
    }

    /// With the two blocks that end a tar file.
    var whole: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    static func of(_ build: (inout TarBytes) -> Void) -> [UInt8] {
        var tar = TarBytes()
        build(&tar)
        return tar.whole
    }
}

extension TemporaryFolder {
    /// Compresses with the system's own program: "gzip", "zstd" or "xz".
    func compress(_ bytes: [UInt8], _ program: String = "gzip", as name: String = "package") throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self("plain")))
        try TestProcess.shell("\(program) -c -q <'\(self("plain"))' >'\(self(name))'")
        unlink(self("plain"))
        return self(name)
    }
}
