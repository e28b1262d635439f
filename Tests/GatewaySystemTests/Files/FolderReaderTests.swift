import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct FolderReaderTests {
    let scratch = TemporaryFolder()

    private func entries(_ path: String) throws -> [FolderReader.Entry] {
        var folder = try FolderReader(path)
        var found: [FolderReader.Entry] = []
        while let entry = try folder.next() { found.append(entry) }
        #expect(try folder.next() == nil)
        return found
    }

    /// Bytes of a name that are no UTF-8 at every third place: never NUL, never a slash.
    private func name(_ length: Int) -> [UInt8] {
        (0..<length).map { (place: Int) -> UInt8 in
            place % 3 == 2 ? UInt8(0x80 + place % 0x40) : UInt8(0x61 + place % 26)
        }
    }

    @Test("names of every length, no UTF-8 among them, are read byte by byte")
    func everyLength() throws {
        let wanted = (1...255).map(name)
        for name in wanted {
            let path = Array((scratch.path + "/").utf8) + name
            let file = path.withCString { open($0, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600) }
            #expect(file >= 0)
            close(file)
        }
        let found = try entries(scratch.path)
        #expect(found.count == 255)
        #expect(Set(found.map(\.bytes)) == Set(wanted))
        #expect(found.allSatisfy { $0.kind == .file || $0.kind == nil })
    }

    @Test("more entries than one buffer of the C library holds come once each")
    func manyEntries() throws {
        // 32 KiB hold about a thousand of these.
        let wanted = (0..<3_000).map { "an entry with a name of some length \($0)" }
        for name in wanted { #expect(mkdir(scratch(name), 0o700) == 0) }
        let found = try entries(scratch.path)
        #expect(found.map(\.name).sorted() == wanted.sorted())
        #expect(found.allSatisfy { $0.kind == .directory || $0.kind == nil })
        #expect(try FileTree.list(scratch.path) == wanted.sorted())
    }

    @Test("an entry says what it is")
    func kinds() throws {
        try scratch.write("file", "")
        symlink("nowhere", scratch("link"))
        mkfifo(scratch("pipe"), 0o600)
        mkdir(scratch("folder"), 0o700)
        let found = try Dictionary(uniqueKeysWithValues: entries(scratch.path).map { ($0.name, $0.kind) })
        guard found["file"] != .some(nil) else { return }
        #expect(found == ["file": .file, "link": .symlink, "pipe": .other, "folder": .directory])
    }

    @Test("an open folder is read from its start each time, and stays the caller's")
    func openFolder() throws {
        try scratch.write("one", "")
        let folder = try OpenFile(path: scratch.path, flags: O_RDONLY | O_DIRECTORY)
        for _ in 0..<2 {
            let names = try FileTree.names(in: folder.descriptor, called: scratch.path)
            #expect(names == [Array("one".utf8)])
        }
        #expect(fcntl(folder.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test("a folder that cannot be opened or read is an error, not an empty one")
    func failures() throws {
        #expect(throws: SystemError("open \(scratch("none"))", code: ENOENT)) { _ = try FolderReader(scratch("none")) }
        let file = try scratch.write("file", "")
        #expect(throws: SystemError("open \(file)", code: ENOTDIR)) { _ = try FolderReader(file) }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        #expect(throws: SystemError("read folder \(file)", code: ENOTDIR)) {
            _ = try FolderReader(owning: descriptor, called: file)
        }
        #expect(fcntl(descriptor, F_GETFD) == -1)

        // A descriptor that has become another's. The end looks the same but for errno.
        var reader = try FolderReader(scratch.path)
        let other = open(file, O_RDONLY | O_CLOEXEC)
        #expect(dup2(other, reader.descriptor) == reader.descriptor)
        close(other)
        #expect(throws: SystemError("read folder \(scratch.path)", code: ENOTDIR)) { try reader.next() }
    }

    /// Two pages, of which the second cannot be read: what ends with the first is read beyond its end only once.
    @Test("nothing behind an entry is read, be it the last of its buffer", arguments: [1, 2, 3, 4, 12, 13, 254, 255])
    func noByteBeyond(length: Int) throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = try #require(mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        defer { munmap(start, 2 * page) }
        #expect(mprotect(start + page, page, PROT_NONE) == 0)

        // As getdents64(2) lays them out: the record's length a multiple of 8, the name behind the type.
        let name = name(length)
        let byteCount = (FolderReader.nameOffset + length + 1 + 7) / 8 * 8
        let place = start + page - byteCount
        let entry = UnsafePointer(place.assumingMemoryBound(to: dirent.self))
        let lengthPlace = try #require(MemoryLayout<dirent>.offset(of: \.d_reclen))
        let typePlace = try #require(MemoryLayout<dirent>.offset(of: \.d_type))
        place.storeBytes(of: UInt16(byteCount), toByteOffset: lengthPlace, as: UInt16.self)
        place.storeBytes(of: UInt8(DT_DIR), toByteOffset: typePlace, as: UInt8.self)
        (place + FolderReader.nameOffset).copyMemory(from: name, byteCount: length)
        #expect(FolderReader.entry(at: entry) == FolderReader.Entry(bytes: name, kind: .directory))

        // Without a NUL the name ends where the entry does.
        memset(place + FolderReader.nameOffset, Int32(UInt8(ascii: "x")), byteCount - FolderReader.nameOffset)
        #expect(FolderReader.entry(at: entry).bytes.count == byteCount - FolderReader.nameOffset)
    }

    @Test("all processes are found, those of many digits too")
    func processes() {
        #expect(ProcessFacts.all.contains { $0.pid == getpid() })
        #expect(ProcessFacts.all.contains { $0.pid == 1 })
    }
}
