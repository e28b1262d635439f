import DeviceClient
import Testing

@Suite("Form coding")
struct FormCodingTests {
    @Test("everything but unreserved characters is percent-encoded")
    func encode() {
        #expect(FormCoding.encode("AZaz09-._~") == "AZaz09-._~")
        #expect(FormCoding.encode("a b+c&d=e%f/ü\n\0") == "a%20b%2Bc%26d%3De%25f%2F%C3%BC%0A%00")
        #expect(FormCoding.encode([("a b", "1&2"), ("c", "")]) == "a%20b=1%262&c=")
    }

    @Test("every value survives the way there and back")
    func roundTrip() {
        for value in [
            "", "{\"install\":[{\"name\":\"a.v1.tar.gz\"}]}", "a+b c&d=e;f%25", "Grüße 🚀\r\n\t", "%", "%4", "%zz",
        ] {
            let fields = FormCoding.fields(Array(FormCoding.encode([("k&=", value)]).utf8))
            #expect(fields.map(\.name) == ["k&="])
            #expect(fields.map(\.value) == [value])
        }
    }

    @Test("plus is a space, a stray percent is itself, and bad UTF-8 is repaired")
    func decodeLeniently() {
        #expect(FormCoding.decode(Array("a+b%20c".utf8)) == "a b c")
        #expect(FormCoding.decode(Array("100% %4 %zz %".utf8)) == "100% %4 %zz %")
        #expect(FormCoding.decode(Array("%ff".utf8)) == "\u{FFFD}")
        #expect(FormCoding.fields(Array("a&&b=1=2&=x".utf8)).map { "\($0.name)|\($0.value)" } == ["a|", "b|1=2", "|x"])
    }
}
