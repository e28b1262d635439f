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
    public var interpreter: String? {
        guard head.starts(with: [UInt8(ascii: "#"), UInt8(ascii: "!")]) else { return nil }
        let line = String(decoding: head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).first.map(String.init)
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
