import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

@Suite("Sandbox resources") struct ResourceTests {
    let sandbox: SandboxFixture

    init() throws { sandbox = try .activated() }

    private static let alias = SandboxFixture.alias

    @Test("a device's write changes both sides, an operator's only what is set; a device reads the newest")
    func sides() throws {
        #expect(try sandbox.server.read(sandbox.id, "a") == nil)
        try sandbox.server.write(sandbox.id, "a", "wish")
        #expect(try sandbox.server.read(sandbox.id, "a")?.reported == nil)
        #expect(try sandbox.call("GET", Self.alias + "?a").text == "a=wish")
        #expect(try sandbox.call("POST", Self.alias, body: "a=done").status == 204)
        var state = try sandbox.server.read(sandbox.id, "a")
        #expect(state?.reported == "done")
        #expect(state?.set == "done")
        try sandbox.server.write(sandbox.id, "a", "next")
        state = try sandbox.server.read(sandbox.id, "a")
        #expect(state?.reported == "done")
        #expect(state?.set == "next")
        #expect(try sandbox.call("GET", Self.alias + "?a").text == "a=next")
    }

    @Test("writes come before reads; what has no value is left out; an empty value is one")
    func writeAndRead() throws {
        let answer = try sandbox.call("POST", Self.alias + "?b&never&a&b", body: "a=1&b=&a=2")
        #expect(answer.status == 200)
        #expect(answer.text == "b=&a=2")
        #expect(answer.headers["content-type"]?.hasPrefix("application/x-www-form-urlencoded") == true)
        // Polls alone have it.
        #expect(answer.headers["last-modified"] == nil)
        let poll = try sandbox.call("GET", Self.alias + "?a", headers: ["If-Modified-Since: 1"])
        #expect(poll.headers["last-modified"].flatMap { HTTPDate.unixSeconds($0) } != nil)
    }

    @Test(
        "values are decoded leniently and come back escaped",
        arguments: [
            ("a b+c", "a%20b%20c"), ("å", "%C3%A5"), ("100% %zz %4", "100%25%20%25zz%20%254"),
            ("%7B%22a%22%7d", "%7B%22a%22%7D"),
            ("a=b", "a%3Db"), ("%ff%00", "%FF%00"), ("line%0A", "line%0A"), ("-._~", "-._~"),
        ])
    func encoding(sent: String, read: String) throws {
        #expect(try sandbox.call("POST", Self.alias, body: "x=\(sent)").status == 204)
        #expect(try sandbox.call("GET", Self.alias + "?x").text == "x=\(read)")
    }

    @Test("both headers carry the token")
    func tokenHeaders() throws {
        for header in ["Authorization: token \(sandbox.token)", "authorization: Token  \(sandbox.token)"] {
            #expect(try sandbox.call("POST", Self.alias, body: "a=1", headers: [header], token: nil).status == 204)
        }
        try sandbox.server.deleteDevice(sandbox.id)
        #expect(try sandbox.call("POST", Self.alias, body: "a=1").status == 401)
    }

    @Test("records less than a second apart are refused by name, the others kept, the newest reported")
    func records() throws {
        let first = try sandbox.call("POST", SandboxFixture.record, body: "alias=a&30=x&10=y&alias=b%20c&10=z")
        #expect(first.status == 204)
        #expect(try sandbox.server.read(sandbox.id, "a")?.reported == "x")
        #expect(try sandbox.server.read(sandbox.id, "a")?.set == nil)
        #expect(try sandbox.server.read(sandbox.id, "a")?.timestamp == 30_000_000)
        let second = try sandbox.call(
            "POST", SandboxFixture.record, body: "alias=a&10=1&11=2&30=3&30.5=4&31=5&alias=b%20c&10=6&40=7&40=8")
        #expect(second.status == 409)
        #expect(second.text == "a=10,30,30.5&b%20c=10,40")
        #expect(try sandbox.server.records(sandbox.id, "a").map(\.value) == ["y", "2", "x", "5"])
        #expect(try sandbox.server.records(sandbox.id, "b c").map(\.timestamp) == [10_000_000, 40_000_000])
        #expect(try sandbox.server.read(sandbox.id, "a")?.reported == "5")
        let single = try sandbox.call("POST", Self.alias + "/b%20c", body: "40=1&41=2")
        #expect(single.status == 409)
        #expect(single.text == "b%20c=40")
        // An older record does not hide what was written since.
        #expect(try sandbox.call("POST", Self.alias, body: "a=now").status == 204)
        #expect(try sandbox.call("POST", Self.alias + "/a", body: "50=old").status == 204)
        #expect(try sandbox.server.read(sandbox.id, "a")?.reported == "now")
    }

    // MARK: Long poll

    /// Begins a long poll and runs `body` once the server is sure to have read the request.
    private func poll(_ target: String, _ headers: [String], then body: () throws -> Void) throws
        -> SandboxFixture.Answer
    {
        let fd = try sandbox.connect()
        defer { close(fd) }
        let lines =
            ["GET \(target) HTTP/1.1", "Host: x", "Connection: close", "X-Exosite-CIK: \(sandbox.token)"] + headers
        let text = lines.joined(separator: "\r\n") + "\r\n\r\n"
        guard send(fd, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count else {
            throw SystemError.last("send")
        }
        try body()
        return SandboxFixture.readAnswer(fd)
    }

    @Test("a long poll ends with the write that it waits for")
    func wake() throws {
        #expect(try sandbox.call("POST", Self.alias, body: "a=old").status == 204)
        let now = try sandbox.server.read(sandbox.id, "a")?.timestamp ?? 0
        _ = try sandbox.call("GET", Self.alias + "?a", headers: ["Request-Timeout: 0", "If-Modified-Since: 0"])
        // Since that second: the old value has been given out, only a new one may end the poll, whenever it comes.
        let answer = try poll(Self.alias + "?b&a", ["Request-Timeout: 60000", "If-Modified-Since: \(now / 1_000_000)"])
        {
            try sandbox.server.write(sandbox.id, "other", "x")
            try sandbox.server.write(sandbox.id, "a", "new")
        }
        #expect(answer.status == 200)
        #expect(answer.text == "a=new")
        #expect(answer.headers["last-modified"] != nil)
    }

    @Test("a value that is newer than If-Modified-Since is answered at once, in either form of the time")
    func notWaiting() throws {
        try sandbox.server.write(sandbox.id, "a", "x")
        for time in ["0", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            let answer = try sandbox.call(
                "GET", Self.alias + "?a", headers: ["Request-Timeout: 300000", "If-Modified-Since: \(time)"])
            #expect(answer.status == 200)
            #expect(answer.text == "a=x")
        }
    }

    @Test("two writes of one second are both given out, each once")
    func sameSecond() throws {
        try sandbox.server.write(sandbox.id, "a", "1")
        var since = "0"
        for value in ["1", "2", "3"] {
            if value != "1" { try sandbox.server.write(sandbox.id, "a", value) }
            let headers = ["Request-Timeout: 300000", "If-Modified-Since: \(since)"]
            let answer = try sandbox.call("GET", Self.alias + "?a", headers: headers)
            #expect(answer.text == "a=\(value)")
            since = answer.headers["last-modified"] ?? ""
        }
        let headers = ["Request-Timeout: 1", "If-Modified-Since: \(since)"]
        #expect(try sandbox.call("GET", Self.alias + "?a", headers: headers).status == 304)
    }

    @Test("a change in the second of the last read is not missed, whoever read in between and by what kind of call")
    func readersInBetween() throws {
        try sandbox.server.write(sandbox.id, "a", "1")
        // Reads everything before, with the calls of two clients.
        let first = try sandbox.call("GET", Self.alias + "?a&b", headers: ["If-Modified-Since: 0"])
        #expect(first.text == "a=1")
        let since = try #require(first.headers["last-modified"])
        let condition = ["If-Modified-Since: \(since)"]
        let poll = condition + ["Request-Timeout: 1"]
        #expect(try sandbox.call("GET", Self.alias + "?a&b", headers: poll).status == 304)
        try sandbox.server.write(sandbox.id, "a", "2")
        // Another one has it, three times.
        #expect(try sandbox.call("GET", Self.alias + "?a").text == "a=2")
        #expect(try sandbox.call("POST", Self.alias + "?a", body: "c=1").text == "a=2")
        #expect(try sandbox.call("GET", Self.alias + "?a", headers: condition).text == "a=2")
        let second = try sandbox.call("GET", Self.alias + "?a&b", headers: poll)
        #expect(second.text == "a=2")
        // A resource that had no value, in the same second.
        try sandbox.server.write(sandbox.id, "b", "1")
        let later = ["If-Modified-Since: \(second.headers["last-modified"] ?? "")", "Request-Timeout: 300000"]
        let third = try sandbox.call("GET", Self.alias + "?a&b", headers: later)
        #expect(third.text == "b=1")
        // Nothing comes twice.
        let last = ["If-Modified-Since: \(third.headers["last-modified"] ?? "")"]
        #expect(try sandbox.call("GET", Self.alias + "?a&b", headers: last).status == 304)
        #expect(try sandbox.call("GET", Self.alias + "?a&b", headers: last + ["Request-Timeout: 1"]).status == 304)
    }

    @Test("a change after an answer is newer than the answer's own Date")
    func date() throws {
        for number in 1...3 {
            let answer = try sandbox.call("GET", Self.alias + "?a&b")
            let date = try #require(answer.headers["date"])
            try sandbox.server.write(sandbox.id, "a", "\(number)")
            let next = try sandbox.call("GET", Self.alias + "?a&b", headers: ["If-Modified-Since: \(date)"])
            #expect(next.text == "a=\(number)")
        }
    }

    @Test("a long poll for several aliases answers with those that have changed")
    func several() throws {
        for name in ["a", "b", "c"] { try sandbox.server.write(sandbox.id, name, "0") }
        let before = try sandbox.call("GET", Self.alias + "?a&b&c", headers: ["If-Modified-Since: 0"])
        let since = try #require(before.headers["last-modified"])
        let answer = try poll(Self.alias + "?a&b&c", ["Request-Timeout: 60000", "If-Modified-Since: \(since)"]) {
            try sandbox.server.write(sandbox.id, "c", "1")
        }
        #expect(answer.text == "c=1")
        // Without a time: what changes from now on, whatever was set before.
        let headers = ["Request-Timeout: 1"]
        #expect(try sandbox.call("GET", Self.alias + "?a&b&c", headers: headers).status == 304)
    }

    @Test("a waiting poll ends when the server stops")
    func stop() throws {
        let answer = try poll(Self.alias + "?a", ["Request-Timeout: 300000"]) { sandbox.server.stop() }
        #expect(answer.status == 304 || answer.status == 0)
    }
}
