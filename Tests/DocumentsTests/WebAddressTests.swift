import Documents
import Testing

@Suite("The one reading of a URL")
struct WebAddressTests {
    private func parts(_ text: String, _ standardScheme: String? = nil) -> String? {
        WebAddress(text, standardScheme: standardScheme).map {
            [
                $0.scheme, $0.user ?? "-", $0.host, $0.port.map { "\($0)" } ?? "-", $0.path, $0.query ?? "-",
                $0.fragment ?? "-",
            ].joined(separator: " ")
        }
    }

    @Test(
        "the parts of a URL",
        arguments: [
            ("http://a", "http - a -  - -"),
            ("HTTPS://Host.Example:8443/P?q=1#f", "https - host.example 8443 /P q=1 f"),
            ("https://me:secret@host/x", "https me:secret host - /x - -"),
            ("https://me:p@ss:w@host:1", "https me:p@ss:w host 1  - -"),
            ("http://[::1]:81?q#f", "http - ::1 81  q f"),
            ("http://[fe80::1%25eth0]/", "http - fe80::1%25eth0 - / - -"),
            ("http://a:/x", "http - a - /x - -"), ("http://a?#", "http - a -   "),
            ("http://a/b?c=http://d/e#f?g", "http - a - /b c=http://d/e f?g"), ("mqtts://h:443", "mqtts - h 443  - -"),
            ("https://münchen.example/ü", "https - münchen.example - /ü - -"),
            ("http://a_b-c.~1/", "http - a_b-c.~1 - / - -"),
        ])
    func read(text: String, expected: String) { #expect(parts(text) == expected) }

    @Test(
        "what is no URL with a host, or what programs read differently, is refused",
        arguments: [
            "", "a", "a/b", "http:", "http:/a", "http:a", "http://", "http://:80", "http:///a", "http://?a",
            "http://u@",
            "://a", "1http://a", "h_p://a", "a/b://c", "http://a b", "http://a\n", "http://a/\u{7F}", "http://a\0",
            "http://a:0", "http://a:65536", "http://a:+1", "http://a:1x", "http://a:99999999999999999999",
            "http://[::1", "http://::1/", "http://[]/", "http://[a]/", "http://[::1]x/", "http://x[::1]/",
            "http://127.0.0.1\\@b/", "http://a%2fb/", "http://a^b/", "http://a\"b/", "http://<a>/", "http://a|b/",
            "http://`a`/",
        ])
    func refused(text: String) { #expect(WebAddress(text) == nil) }

    @Test("without a scheme it is read where one is given for that")
    func standardScheme() {
        #expect(WebAddress("proxy:3128") == nil)
        #expect(parts("proxy:3128", "http") == "http - proxy 3128  - -")
        #expect(parts("me:pw@proxy/", "http") == "http me:pw proxy - / - -")
        #expect(parts("socks5h://proxy", "http") == "socks5h - proxy -  - -")
        #expect(parts("[::1]:1", "http") == "http - ::1 1  - -")
    }

    @Test("it is put together again as it was read")
    func text() throws {
        for text in [
            "http://a", "https://host:8443/p?q=1&r", "http://[::1]:81?q", "https://me:secret@host/x", "http://a/?",
        ] {
            #expect(WebAddress(text)?.text == text)
            #expect(WebAddress(text) == WebAddress(text).flatMap { WebAddress($0.text) })
        }
        #expect(WebAddress("https://me:p@ss@H/x#f")?.text == "https://me:p%40ss@h/x")
        #expect(WebAddress("http://a:/x")?.authority == "a")
        #expect(WebAddress("http://[::1]:81?q#f")?.authority == "[::1]:81")
        #expect(WebAddress("http://[::1]:81?q#f")?.target == "/?q")
        #expect(WebAddress("http://a")?.target == "/")
    }

    @Test("no user, password, token or fragment is shown")
    func redacted() {
        let token = String(repeating: "x", count: 40)
        let shown = { (text: String) in WebAddress(text)?.redacted }
        #expect(shown("https://me:secret@Host/x#secret") == "https://host/x")
        #expect(shown("https://host?engine_fetch&b=secret&\(token)") == "https://host/?engine_fetch&b=…&…")
        #expect(shown("http://[::1]:81") == "http://[::1]:81/")
    }

    @Test("the usual ports")
    func ports() {
        let port = { (text: String) in WebAddress(text)?.connectPort }
        #expect(port("http://a") == 80)
        #expect(port("https://a") == 443)
        #expect(port("socks5h://a") == 1080)
        #expect(port("https://a:1") == 1)
        #expect(port("gopher://a") == nil)
    }

    @Test(
        "loopback is told by its form",
        arguments: [
            ("localhost", true), ("LocalHost", true), ("127.0.0.1", true), ("127.255.255.255", true), ("127.1", true),
            ("127.0.257", true), ("::1", true), ("0:0:0:0:0:0:0:1", true), ("::0001", true), ("::", false),
            ("128.0.0.1", false), ("127.0.0.1.example.com", false), ("127.0.0.256", false), ("0127.0.0.1", false),
            ("127.0.0.01", false), ("127.0.0.1.", false), ("127", false), ("127.", false), ("127..1", false),
            ("127.16777216", false), ("127.0x1", false), ("localhost.example.com", false), ("::2", false),
            ("1::1", false), ("::1%25lo", false), ("::ffff:127.0.0.1", false), ("", false),
        ])
    func loopback(host: String, expected: Bool) { #expect(WebAddress.isLoopback(host: host) == expected) }

    @Test("an address is told from a name")
    func addresses() {
        for (host, expected) in [("10.0.0.1", true), ("[fe80::1]", true), ("a.b", false), ("10.0.0.1.b", false)] {
            #expect(WebAddress("http://\(host)")?.isIPAddress == expected)
        }
    }

    @Test("cut at its marks, nothing is lost, whatever the text is")
    func anyText() {
        let pieces = ["http", "://", ":", "/", "?", "#", "@", "[", "]", "a", "1", "%", " ", "é"]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement() ?? "" }.joined()
            let parts = WebAddressParts(text)
            var again = ""
            if let scheme = parts.scheme { again += scheme + "://" }
            if let user = parts.user { again += user + "@" }
            again += parts.host
            if let port = parts.port { again += ":" + port }
            again += parts.path
            if let query = parts.query { again += "?" + query }
            if let fragment = parts.fragment { again += "#" + fragment }
            guard again != text else { continue }
            Issue.record("'\(text)' became '\(again)'")
        }
    }
}
