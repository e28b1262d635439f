import DeviceClient
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

@Suite("Token store")
struct TokenStoreTests {
    let folder: TemporaryFolder
    let store: TokenStore
    let first: DeviceToken
    let second: DeviceToken

    init() throws {
        folder = TemporaryFolder()
        store = TokenStore(path: folder("token"))
        first = try #require(DeviceToken(String(repeating: "a1B2", count: 10)))
        second = try #require(DeviceToken(String(repeating: "Zz90", count: 10)))
    }

    private func mode(_ name: String) -> mode_t {
        var status = stat()
        return lstat(folder(name), &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test("a token is 40 letters and digits, and prints nowhere")
    func token() throws {
        #expect(DeviceToken("") == nil)
        #expect(DeviceToken(String(repeating: "a", count: 39)) == nil)
        #expect(DeviceToken(String(repeating: "a", count: 39) + "\n") == nil)
        #expect(DeviceToken(String(repeating: "a", count: 39) + "\0") == nil)
        #expect(DeviceToken(String(repeating: "é", count: 20)) == nil)
        var dumped = ""
        dump(first, to: &dumped)
        for text in ["\(first)", String(reflecting: first), dumped, "\([first])"] { #expect(!text.contains("a1B2")) }
    }

    @Test("a saved token is 40 characters and a newline, mode 0600, with its checksum beside it")
    func save() throws {
        #expect(try store.load() == nil)
        try store.save(first)
        #expect(folder.text("token") == first.secret + "\n")
        #expect(folder.text("token.sha256") == SHA256.hex(of: Array((first.secret + "\n").utf8)) + "  token\n")
        #expect(mode("token") == 0o600 && mode("token.sha256") == 0o600)
        #expect(folder.names == ["token", "token.sha256"])
        let loaded = try #require(try store.load())
        #expect(loaded.token == first && loaded.generation == .current)
    }

    @Test("the checksum file is what sha256sum reads")
    func sha256sum() throws {
        try store.save(first)
        try store.save(second)
        let check = try TestProcess.run("sha256sum", ["--check", "--status", "token.sha256"], directory: folder.path)
        #expect(check.code == 0, "\(check)")
        #expect(folder.text("token.previous") == first.secret + "\n")
    }

    @Test("a torn, empty or zeroed token falls back to the generation before, and is repaired")
    func damage() throws {
        try store.save(first)
        try store.save(second)
        let whole = Array((second.secret + "\n").utf8)
        var damaged = (0..<40).map { Array(whole.prefix($0)) }
        damaged += (0..<40).map { count in Array(whole.prefix(count)) + Array(repeating: 0, count: 41 - count) }
        damaged.append(Array(repeating: 0, count: 4096))
        damaged.append(Array(String(repeating: "x", count: 40).utf8))
        for bytes in damaged {
            try folder.write("token", bytes)
            let seen = try #require(try store.load(repairing: false))
            #expect(seen.token == first && seen.generation == .previous)
            #expect(folder.bytes("token") == bytes)
            #expect(try store.load()?.token == first)
            #expect(folder.text("token") == first.secret + "\n")
            #expect(try store.load()?.generation == .current)
            try store.save(second)
        }
        unlink(folder("token"))
        #expect(try store.load()?.token == first)
    }

    @Test("whichever write a crash comes after, one of the two tokens is found")
    func crashBetweenWrites() throws {
        try store.save(first)
        try store.save(second)
        let final = try ["token.sha256", "token.previous", "token"].map { name in
            (name, try #require(folder.bytes(name)))
        }
        for written in 0...final.count {
            try store.remove()
            try store.save(first)
            for (name, bytes) in final.prefix(written) { try folder.write(name, bytes) }
            let found = try #require(try store.load())
            #expect(found.token == (written == final.count ? second : first))
            #expect(found.generation == .current)
        }
    }

    @Test("a token put there by hand is taken, with or without its newline")
    func byHand() throws {
        try folder.write("token", second.secret.utf8)
        #expect(try store.load()?.token == second)
        try store.save(second)
        #expect(folder.names == ["token", "token.sha256"])
        try folder.write("token", first.secret.utf8)
        #expect(try store.load()?.token == first)
    }

    @Test("a damaged checksum file does not cost the token")
    func damagedChecksum() throws {
        try store.save(first)
        for bytes in [[], [UInt8](repeating: 0, count: 73)] {
            try folder.write("token.sha256", bytes)
            #expect(try store.load()?.token == first)
        }
    }

    @Test("a group may be given read access")
    func group() throws {
        let store = TokenStore(path: folder("token"), group: getegid())
        try store.save(first)
        #expect(mode("token") == 0o640)
    }
}
