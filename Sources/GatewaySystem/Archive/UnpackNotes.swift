/// What of a package came out otherwise than it stood in it, and what it lacks: no reason to refuse it, but its maker
/// should know.
public struct UnpackNotes: Sendable, Hashable {
    /// Entries of one kind: how many, and one of them to name.
    public struct Entries: Sendable, Hashable {
        /// How many there are.
        public private(set) var count = 0
        /// The first of them, printable, and its mode in the package.
        public private(set) var first = ""
        /// The permission bits of the first in the package.
        public private(set) var mode: UInt32 = 0

        mutating func add(_ name: [UInt8], mode: UInt32 = 0) {
            if count == 0 { (first, self.mode) = (UnpackPath.printable(name), mode) }
            count += 1
        }

        /// "'a/._b'" or "'a/._b' and 2 more".
        var words: String { "'\(first)'" + (count > 1 ? " and \(count - 1) more" : "") }
    }

    /// Files that a Mac's tar and Finder add, and that gwe leaves out.
    public private(set) var leftOut = Entries()
    /// Files that group or others may write to in the package.
    public private(set) var narrowedFiles = Entries()
    /// Folders that group or others may write to in the package.
    public private(set) var narrowedFolders = Entries()
    /// What its own owner may not read or enter in the package.
    public private(set) var opened = Entries()
    /// Whether all of the compressed data has a checksum of its own: gzip always has one, zstd and xz may have none.
    public internal(set) var hasChecksum = true

    init() {}

    mutating func leaveOut(_ name: [UInt8]) { leftOut.add(name) }

    mutating func narrow(_ name: [UInt8], _ mode: UInt32, isFolder: Bool) {
        if isFolder { narrowedFolders.add(name, mode: mode) } else { narrowedFiles.add(name, mode: mode) }
    }

    mutating func open(_ name: [UInt8], _ mode: UInt32) { opened.add(name, mode: mode) }

    /// That files of a Mac were left out; nil where there were none.
    public var macSentence: String? {
        guard leftOut.count > 0 else { return nil }
        return "left out \(leftOut.words), which a Mac adds: pack with COPYFILE_DISABLE=1, or 'tar --no-mac-metadata'"
    }

    /// That nothing but a digest would show a damaged byte; nil where there is a checksum.
    public var checksumSentence: String? {
        guard !hasChecksum else { return nil }
        return "the compressed data has no checksum of its own, so that only a sha256 in the manifest shows a damaged "
            + "byte: compress with 'zstd --check' or 'xz --check=crc64'"
    }

    /// Everything, one sentence for people each; lower case, no full stop.
    public var sentences: [String] {
        var sentences = [macSentence, checksumSentence].compactMap(\.self)
        if narrowedFiles.count > 0 {
            sentences.append(
                "group and others lose write permission on \(narrowedFiles.words) (mode \(octal(narrowedFiles.mode))): "
                    + "chmod go-w before packing")
        }
        if narrowedFolders.count > 0 {
            sentences.append(
                "group and others lose write permission on the folder \(narrowedFolders.words) "
                    + "(mode \(octal(narrowedFolders.mode))), unless the app has a user: chmod go-w before packing")
        }
        if opened.count > 0 {
            sentences.append(
                "the owner gets read permission on \(opened.words) (mode \(octal(opened.mode))): "
                    + "chmod u+rX before packing")
        }
        return sentences
    }

    private func octal(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
