import Foundation
import MuranoSandbox
import TestSupport
import Testing

/// What `murano-sandbox fault` does to the device API, read from the wire.
@Suite("the sandbox's faults") struct FaultTests {
    let fixture: SandboxFixture
    init() throws { fixture = try .activated() }

    private func write(_ value: String) throws -> SandboxFixture.Answer {
        try fixture.call("POST", SandboxFixture.alias, body: "a=\(value)")
    }

    @Test("a status is answered so many times, with Retry-After, and nothing is done")
    func status() throws {
        fixture.server.addFault(Fault(.answer(status: 429, retryAfter: 30), times: 2))
        for _ in 0..<2 {
            let answer = try write("1")
            #expect(answer.status == 429)
            #expect(answer.headers["retry-after"] == "30")
        }
        #expect(try fixture.server.read(fixture.id, "a") == nil)
        #expect(try write("1").status == 204)
    }

    @Test("a fault meets the calls and the device it was made for, and no others")
    func scope() throws {
        fixture.server.addFault(Fault(.answer(status: 503, retryAfter: nil), on: [.read]))
        fixture.server.addFault(Fault(.answer(status: 404, retryAfter: nil), on: [.write], device: "another"))
        #expect(try write("1").status == 204)
        #expect(try fixture.call("GET", SandboxFixture.alias + "?a").status == 503)
        #expect(try fixture.call("GET", SandboxFixture.alias + "?a", token: nil).status == 503)
        fixture.server.clearFaults()
        #expect(try fixture.call("GET", SandboxFixture.alias + "?a").text == "a=1")
        #expect(try fixture.call("GET", SandboxFixture.alias + "?a", token: nil).status == 401)
    }

    @Test("a cut answer was acted on, and its reader hears too little")
    func cut() throws {
        try fixture.server.write(fixture.id, "b", String(repeating: "x", count: 1000))
        fixture.server.addFault(Fault(.cut(afterByteCount: 100), on: [.exchange], times: 1))
        let answer = try fixture.call("POST", SandboxFixture.alias + "?b", body: "a=1")
        #expect(answer.headers["content-length"] == "1002")
        #expect(answer.body.count <= 100)
        #expect(try fixture.server.read(fixture.id, "a")?.reported == "1")
    }

    @Test("a captive portal answers 200 with a page, whatever was asked")
    func portal() throws {
        fixture.server.addFault(Fault(.captivePortal))
        let answer = try write("1")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"]?.hasPrefix("text/html") == true)
        #expect(answer.text.hasPrefix("<!DOCTYPE html>"))
        #expect(try fixture.server.read(fixture.id, "a") == nil)
    }

    @Test("a wrong clock shows in the Date header and at /timestamp")
    func clock() throws {
        fixture.server.addFault(Fault(.clock(offsetSeconds: -31_536_000)))
        let answer = try fixture.call("GET", "/timestamp", token: nil)
        let told = try #require(Int64(answer.text))
        let now = Int64(Date().timeIntervalSince1970)
        #expect(abs(told + 31_536_000 - now) < 60)
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        let date = try #require(answer.headers["date"].flatMap(formatter.date))
        #expect(abs(Int64(date.timeIntervalSince1970) - told) < 5)
    }

    @Test("garbage, half a body and a huge one are whole answers of HTTP")
    func bodies() throws {
        try fixture.server.write(fixture.id, "b", String(repeating: "x", count: 1000))
        fixture.server.addFault(Fault(.garbage, times: 1))
        fixture.server.addFault(Fault(.short, times: 1))
        fixture.server.addFault(Fault(.huge(byteCount: 200_000), times: 1))
        let target = SandboxFixture.alias + "?b"
        #expect(try fixture.call("GET", target).body.count == 512)
        #expect(try fixture.call("GET", target).text == "b=" + String(repeating: "x", count: 499))
        #expect(try fixture.call("GET", target).body.count > 200_000 - 1)
        #expect(try fixture.call("GET", target).text.utf8.count == 1002)
    }

    @Test("a silent server says nothing until its peer has gone, and answers the next one")
    func silent() throws {
        fixture.server.addFault(Fault(.silent, times: 1))
        let fd = try fixture.connect()
        let request = Array("GET /timestamp HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        #expect(send(fd, request, request.count, 0) == request.count)
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 300) == 0)
        close(fd)
        #expect(try fixture.call("GET", "/timestamp", token: nil).status == 200)
    }

    @Test("slow and trickling answers are whole")
    func slow() throws {
        try fixture.server.write(fixture.id, "b", String(repeating: "x", count: 1000))
        let target = SandboxFixture.alias + "?b"
        fixture.server.addFault(Fault(.slow(seconds: 0.3), times: 1))
        fixture.server.addFault(Fault(.trickle(bytesPerSecond: 2000), times: 1))
        // Lower bounds only: a loaded machine is slower still.
        let clock = ContinuousClock()
        for least in [Duration.milliseconds(300), .milliseconds(400)] {
            let start = clock.now
            #expect(try fixture.call("GET", target).body.count == 1002)
            #expect(clock.now - start >= least)
        }
    }
}
