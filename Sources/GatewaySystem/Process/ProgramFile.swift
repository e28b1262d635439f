internal import Glibc

/// The first bytes of a program: what they say about the machine it is made for.
public struct ProgramFile: Sendable {
    private let head: [UInt8]

    /// Reads at most 256 bytes; a file that cannot be read has none.
    public init(_ path: String) {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else {
            head = []
            return
        }
        defer { close(fd) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(fd, &buffer, buffer.count)
        head = Array(buffer.prefix(max(0, count)))
    }

    /// Why access(2) says that a file may not be executed; nil when it may.
    ///
    /// - Returns: `isOfMachine` when not the file is to blame but the mount that it lies on (noexec, mount(8)), so that
    ///   every program there is refused.
    public static func whyNotExecutable(_ path: String) -> (words: String, isOfMachine: Bool)? {
        guard access(path, X_OK) != 0, errno == EACCES || errno == EPERM else { return nil }
        var info = stat()
        guard stat(path, &info) == 0 else { return ("permission denied", false) }
        if info.st_mode & 0o111 == 0 { return ("permission denied: the x bit is not set", false) }
        if let mount = MountInfo(containing: path), mount.options.contains("noexec") {
            let cure = "mount -o remount,exec \(mount.mountPoint), or another state folder (GWE_STATE_DIR)"
            return ("permission denied: \(mount.mountPoint) is mounted noexec: \(cure)", true)
        }
        return ("permission denied", false)
    }

    /// The path behind `#!`, or nil.
    public var interpreter: String? { interpreterLine.first }

    /// The words behind `#!`: the interpreter, and what it is given; none where the file does not begin so.
    var interpreterLine: [String] {
        guard head.starts(with: [UInt8(ascii: "#"), UInt8(ascii: "!")]) else { return [] }
        let line = String(decoding: head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
    }

    /// The program that loads an ELF file (PT_INTERP, elf(5)); nil for other files, and for those that need none.
    static func loader(of path: String) -> String? {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        let head = bytes(of: fd, at: 0, count: 64)
        guard head.count == 64, head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return nil }
        let (is64Bit, isBig) = (head[4] == 2, head[5] == 2)
        func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
            let part = Array(bytes[offset..<offset + count])
            return (isBig ? part : part.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
        }
        let size = is64Bit ? 56 : 32
        let count = Int(number(head, is64Bit ? 56 : 44, 2))
        let place = is64Bit ? number(head, 32, 8) : number(head, 28, 4)
        guard number(head, is64Bit ? 54 : 42, 2) == UInt64(size), (1...256).contains(count) else { return nil }
        let table = bytes(of: fd, at: place, count: size * count)
        guard table.count == size * count else { return nil }
        for start in stride(from: 0, to: table.count, by: size) where number(table, start, 4) == 3 {
            let offset = is64Bit ? number(table, start + 8, 8) : number(table, start + 4, 4)
            let length = is64Bit ? number(table, start + 32, 8) : number(table, start + 16, 4)
            guard (2...UInt64(PATH_MAX)).contains(length) else { return nil }
            return String(decoding: bytes(of: fd, at: offset, count: Int(length)).prefix { $0 != 0 }, as: UTF8.self)
        }
        return nil
    }

    private static func bytes(of fd: Int32, at offset: UInt64, count: Int) -> [UInt8] {
        guard let offset = off_t(exactly: offset) else { return [] }
        var buffer = [UInt8](repeating: 0, count: count)
        let got = pread(fd, &buffer, count, offset)
        return Array(buffer.prefix(max(0, got)))
    }

    /// The machine of an ELF file (`e_machine`, elf(5)) in words, nil when this is no ELF file.
    public var machine: String? {
        guard head.count >= 20, head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return nil }
        let bigEndian = head[5] == 2
        let number = bigEndian ? Int(head[18]) << 8 | Int(head[19]) : Int(head[19]) << 8 | Int(head[18])
        switch number {
        case 3: return "x86"
        case 8: return bigEndian ? "MIPS" : "MIPS (little endian)"
        case 20: return "PowerPC"
        case 21: return "PowerPC 64"
        case 40: return "ARM"
        case 62: return "x86-64"
        case 183: return "ARM 64"
        case 243: return "RISC-V"
        default: return "machine \(number)"
        }
    }

    /// Why execve(2) said "exec format error".
    var wrongFormat: String {
        if let machine {
            let own = ProgramFile("/proc/self/exe").machine ?? "another"
            return machine == own
                ? "exec format error: the file is damaged or cut short"
                : "exec format error: it is built for \(machine), this machine is \(own)"
        }
        if head.isEmpty { return "exec format error: the file is empty" }
        return "exec format error: it is no program of this machine, and a script must begin with #!"
    }
}
