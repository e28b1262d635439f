/// A processor's architecture under any of its usual names: uname(2)'s, Debian's, Go's.
public struct Architecture: Sendable, Hashable {
    /// As it was written.
    public var text: String
    /// One name for all its names.
    private let family: String
    /// Of 32-bit ARM: a program for version 6 runs on 7, not the other way round. 0 where it does not matter.
    private let level: Int

    /// nil unless the text is 1 to 32 of the characters a-z A-Z 0-9 _ -.
    public init?(_ text: String) {
        let isWord = text.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == 0x5F || $0 == 0x2D }
        guard isWord, (1...32).contains(text.utf8.count) else { return nil }
        self.text = text
        let name = text.lowercased()
        (family, level) = Architecture.canonical(name)
    }

    private static func canonical(_ name: String) -> (String, Int) {
        switch name {
        case "any", "all", "noarch": ("any", 0)
        case "amd64", "x64", "x86-64": ("x86_64", 0)
        case "arm64", "armv8": ("aarch64", 0)
        case "x86", "i386", "i486", "i586", "i686": ("i386", 0)
        case "armhf": ("arm", 7)
        case "armel", "arm": ("arm", 0)
        case "mipsel": ("mips", 0)
        case "mips64el": ("mips64", 0)
        case "ppc64el", "powerpc64le": ("ppc64le", 0)
        case _ where name.hasPrefix("armv"): ("arm", name.dropFirst(4).first?.wholeNumberValue ?? 0)
        default: (name, 0)
        }
    }

    /// Whether programs for this one run on that machine. A 64-bit machine may lack the loader and the libraries of its
    /// 32-bit sister, so the two do not count as one.
    public func runs(on machine: Architecture) -> Bool {
        family == "any" || (family == machine.family && level <= machine.level)
    }

    /// Whether both name the same family, whatever its version: all that an ELF file tells.
    public func isSameFamily(as other: Architecture) -> Bool { family == "any" || family == other.family }

    /// The architecture that an ELF file (elf(5)) was built for; nil for other files and rare machines.
    public static func ofELF(_ head: some RandomAccessCollection<UInt8>) -> Architecture? {
        let bytes = Array(head.prefix(20))
        guard bytes.count == 20, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return nil }
        let isLittleEndian = bytes[5] == 1
        let machine = isLittleEndian ? Int(bytes[18]) | Int(bytes[19]) << 8 : Int(bytes[18]) << 8 | Int(bytes[19])
        let is64Bit = bytes[4] == 2
        let name: String? =
            switch machine {
            case 3: "i386"
            case 8: is64Bit ? "mips64" : "mips"
            case 20: "ppc"
            case 21: isLittleEndian ? "ppc64le" : "ppc64"
            case 22: "s390x"
            case 40: "arm"
            case 62: "x86_64"
            case 183: "aarch64"
            case 243: is64Bit ? "riscv64" : "riscv32"
            case 258: "loongarch64"
            default: nil
            }
        return name.flatMap(Architecture.init)
    }
}
