import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

@Suite("Sandbox content") struct ContentTests {
    let sandbox: SandboxFixture
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 2) }

    init() throws {
        sandbox = try .activated()
        try sandbox.server.uploadContent("app.v1.tar.gz", bytes)
    }

    private static let target = SandboxFixture.download + "&id=app.v1.tar.gz"

    @Test("the list has one name a line, the info four fields")
    func listAndInfo() throws {
        try sandbox.server.uploadContent("b c", [1], type: "text/plain", meta: "note")
        #expect(try sandbox.call("GET", SandboxFixture.download).text == "app.v1.tar.gz\r\nb c\r\n")
        let content = try #require(try sandbox.server.contents().first { $0.name == "b c" })
        let info = try sandbox.call("GET", SandboxFixture.download + "&id=b%20c&info=true")
        #expect(info.text == "text/plain,1,\(content.updated),note")
        #expect(info.headers["content-type"]?.hasPrefix("text/csv") == true)
    }

    @Test(
        "ranges give the bytes that they name",
        arguments: [
            ("bytes=0-9", 0, 9), ("bytes=5-5", 5, 5), ("bytes=99990-", 99_990, 99_999), ("bytes=-10", 99_990, 99_999),
            ("bytes=-200000", 0, 99_999), ("bytes=90000-200000", 90_000, 99_999), ("bytes=0-", 0, 99_999),
            ("Bytes = 1 - 2", 1, 2),
        ])
    func ranges(header: String, first: Int, last: Int) throws {
        let answer = try sandbox.call("GET", Self.target, headers: ["Range: \(header)"])
        #expect(answer.status == 206)
        #expect(answer.headers["content-range"] == "bytes \(first)-\(last)/100000")
        #expect(answer.headers["accept-ranges"] == "bytes")
        #expect(answer.body == Array(bytes[first...last]))
    }

    @Test(
        "a range beyond the end is 416 with the size",
        arguments: ["bytes=100000-", "bytes=100000-100001", "bytes=-0"])
    func unsatisfiable(header: String) throws {
        let answer = try sandbox.call("GET", Self.target, headers: ["Range: \(header)"])
        #expect(answer.status == 416)
        #expect(answer.headers["content-range"] == "bytes */100000")
        #expect(answer.body.isEmpty)
    }

    @Test(
        "a range that makes no sense, or several, are ignored",
        arguments: [
            "bytes=9-5", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "lines=1-2", "0-9", "bytes=--5",
            "bytes=99999999999999999999-",
        ])
    func ignored(header: String) throws {
        let answer = try sandbox.call("GET", Self.target, headers: ["Range: \(header)"])
        #expect(answer.status == 200)
        #expect(answer.headers["content-range"] == nil)
        #expect(answer.body == bytes)
    }

    @Test("If-Range gives the part only if the content is still the same")
    func ifRange() throws {
        let tag = try #require(try sandbox.call("HEAD", Self.target).headers["etag"])
        let headers = ["Range: bytes=10-19", "If-Range: \(tag)"]
        #expect(try sandbox.call("GET", Self.target, headers: headers).status == 206)
        try sandbox.server.uploadContent("app.v1.tar.gz", bytes)
        let answer = try sandbox.call("GET", Self.target, headers: headers)
        #expect(answer.status == 200)
        #expect(answer.body.count == 100_000)
    }

    @Test("an upload replaces, with a later time even within one second; the old bytes are gone from the disk")
    func replace() throws {
        let before = try #require(try sandbox.server.contents().first)
        let after = try sandbox.server.uploadContent("app.v1.tar.gz", [1, 2, 3])
        #expect(after.updated > before.updated)
        #expect(try sandbox.call("GET", Self.target).body == [1, 2, 3])
        #expect(try FileManager.default.contentsOfDirectory(atPath: sandbox.dataFolder + "/content").count == 1)
        try sandbox.server.deleteContent("app.v1.tar.gz")
        #expect(try FileManager.default.contentsOfDirectory(atPath: sandbox.dataFolder + "/content").isEmpty)
        #expect(try sandbox.call("GET", Self.target).status == 403)
    }

    @Test("an empty content is a content")
    func empty() throws {
        try sandbox.server.uploadContent("empty", [])
        let target = SandboxFixture.download + "&id=empty"
        #expect(try sandbox.call("GET", target).status == 200)
        #expect(try sandbox.call("GET", target + "&info=true").text.hasPrefix("application/gzip,0,"))
        #expect(try sandbox.call("GET", target, headers: ["Range: bytes=0-"]).status == 416)
    }

    @Test("the log has every request with what went in and out, and no operator's")
    func log() throws {
        try sandbox.server.clearRequestLog()
        _ = try sandbox.call("POST", SandboxFixture.alias + "?a", body: "a=123")
        _ = try sandbox.call("GET", Self.target, headers: ["Range: bytes=99990-"])
        _ = try sandbox.call("GET", Self.target, token: "wrong")
        _ = try sandbox.call("GET", "/sandbox/v1/devices")
        let log = try sandbox.server.requestLog()
        #expect(log.map(\.status) == [200, 206, 401])
        #expect(log.map(\.method) == ["POST", "GET", "GET"])
        #expect(log.map(\.path) == [SandboxFixture.alias + "?a", Self.target, Self.target])
        #expect(log.map(\.device) == [sandbox.id, sandbox.id, nil])
        #expect(log.map(\.requestByteCount) == [5, 0, 0])
        #expect(log.map(\.sentByteCount) == [5, 10, 0])
        #expect(log.map(\.range) == [nil, "bytes=99990-", nil])
        #expect(try sandbox.server.requestLog(after: log[1].id).map(\.status) == [401])
    }

    @Test("a restart keeps devices, tokens, resources, records, content and log, and removes stray uploads")
    func restart() throws {
        try sandbox.server.write(sandbox.id, "a", "wish")
        _ = try sandbox.call("POST", SandboxFixture.record, body: "alias=r&10=x")
        try Data([1]).write(to: URL(fileURLWithPath: sandbox.dataFolder + "/content/upload-1"))
        let log = try sandbox.server.requestLog()
        try sandbox.restart()
        #expect(try sandbox.server.requestLog() == log)
        #expect(try sandbox.call("GET", SandboxFixture.alias + "?a&r").text == "a=wish&r=x")
        #expect(try sandbox.call("POST", SandboxFixture.record, body: "alias=r&10=x").status == 409)
        #expect(try sandbox.call("GET", Self.target).body == bytes)
        #expect(try FileManager.default.contentsOfDirectory(atPath: sandbox.dataFolder + "/content").count == 1)
        #expect(try sandbox.call("POST", "/provision/activate", body: "id=\(sandbox.id)", token: nil).status == 409)
    }

    @Test("a folder that is being served is refused to a second server")
    func lock() throws {
        let second = try SandboxServer(dataFolder: sandbox.dataFolder)
        #expect(throws: SandboxError.inUse(folder: sandbox.dataFolder)) { try second.start() }
    }
}
