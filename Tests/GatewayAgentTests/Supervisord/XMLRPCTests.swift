import Testing

@testable import GatewayAgent

@Suite struct XMLRPCTests {
    private func decode(_ text: String) -> XMLRPCResponse? { try? XMLRPCResponse.decode(Array(text.utf8)) }

    private func response(_ value: String) -> String {
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n\(value)</param>\n</params>\n</methodResponse>\n"
    }

    @Test("what Python's xmlrpc.client writes is read")
    func python() {
        let text = """
            <value><array><data>
            <value><struct>
            <member>
            <name>name</name>
            <value><string>a &lt;b&gt; &amp; c</string></value>
            </member>
            <member>
            <name>pid</name>
            <value><int>-17</int></value>
            </member>
            </struct></value>
            <value><boolean>1</boolean></value>
            <value><nil/></value>
            <value>untyped </value>
            <value><string></string></value>
            </data></array></value>

            """
        let expected = XMLRPCValue.array([
            .object(["name": .string("a <b> & c"), "pid": .int(-17)]), .bool(true), .null, .string("untyped "),
            .string(""),
        ])
        #expect(decode(response(text)) == .value(expected))
        let fault = """
            <?xml version='1.0'?>
            <methodResponse>
            <fault>
            <value><struct>
            <member>
            <name>faultCode</name>
            <value><int>10</int></value>
            </member>
            <member>
            <name>faultString</name>
            <value><string>BAD_NAME: web</string></value>
            </member>
            </struct></value>
            </fault>
            </methodResponse>

            """
        #expect(decode(fault) == .fault(code: 10, text: "BAD_NAME: web"))
    }

    @Test(
        "what is no answer of supervisord's is refused",
        arguments: [
            "", "<", "<html><body>portal</body></html>", "{}", "<methodResponse>", "<methodResponse></methodResponse>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><methodResponse><params><param><value>&a;</value></param></params></methodResponse>",
            "<methodResponse><params><param><value><int>1e3</int></value></param></params></methodResponse>",
            "<methodResponse><params><param><value><int>99999999999999999999</int></value></param></params></methodResponse>",
            "<methodResponse><params><param><value><boolean>2</boolean></value></param></params></methodResponse>",
            "<methodResponse><params><param><value><double>1.5</double></value></param></params></methodResponse>",
            "<methodResponse><params><param><value><string>&#0;</string></value></param></params></methodResponse>",
            "<methodResponse><params><param><value><string>&#xD800;</string></value></param></params></methodResponse>",
            "<methodResponse><params><param><value><string>&nbsp;</string></value></param></params></methodResponse>",
            "<methodResponse><params><param><value><string>a</int></value></param></params></methodResponse>",
            "<methodResponse><params><param><value x=\"1\">a</value></param></params></methodResponse>",
            "<methodResponse><params><param><value>a</value></param></params></methodResponse>more",
            "<methodResponse><!-- x --><params><param><value>a</value></param></params></methodResponse>",
            "<methodResponse><fault><value><string>x</string></value></fault></methodResponse>",
            "<methodResponse><params><param><value><struct><member><name>a</name><value>1</value></member><member><name>a</name><value>2</value></member></struct></value></param></params></methodResponse>",
        ])
    func refused(_ text: String) { #expect(decode(text) == nil) }

    @Test("every beginning of an answer, and every answer with one byte changed, is refused or read, and never crashes")
    func damaged() throws {
        let whole = Array(
            response(
                "<value><array><data><value><struct><member><name>a&amp;</name><value><i4>7</i4></value></member></struct></value></data></array></value>"
            ).utf8)
        for end in 0..<(whole.count - 1) where whole[end...].contains(UInt8(ascii: ">")) {
            #expect(throws: XMLRPCResponse.Malformed.self) { try XMLRPCResponse.decode(Array(whole[..<end])) }
        }
        var readable = 0
        for place in whole.indices {
            for byte: UInt8 in [0, UInt8(ascii: "<"), UInt8(ascii: "&"), UInt8(ascii: "9"), 0xFF] {
                var bytes = whole
                bytes[place] = byte
                if (try? XMLRPCResponse.decode(bytes)) != nil { readable += 1 }
            }
        }
        #expect(readable < whole.count)
    }

    @Test("depth and number of values are bounded")
    func bounds() {
        let open = "<value><array><data>", close = "</data></array></value>"
        func nested(_ depth: Int) -> String {
            response(String(repeating: open, count: depth) + String(repeating: close, count: depth))
        }
        #expect(decode(nested(5)) != nil)
        #expect(decode(nested(XMLRPCResponse.depthLimit + 1)) == nil)
        #expect(decode(nested(100_000)) == nil)
        let many = String(repeating: "<value/>", count: XMLRPCResponse.valueLimit + 1)
        #expect(decode(response(open + many + close)) == nil)
    }

    @Test("a call is what supervisord's server reads, with its text escaped")
    func call() {
        let text = String(
            decoding: XMLRPCCall.encode("supervisor.startProcess", [.string("a<&>:*\u{1}"), .bool(false)]),
            as: UTF8.self)
        #expect(text.contains("<methodName>supervisor.startProcess</methodName>"))
        #expect(text.contains("<param><value><string>a&lt;&amp;&gt;:*?</string></value></param>"))
        #expect(text.contains("<param><value><boolean>0</boolean></value></param>"))
    }

    @Test("base64 is that of RFC 4648")
    func base64() {
        let vectors = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=",
            "foobar": "Zm9vYmFy",
        ]
        for (plain, coded) in vectors { #expect(Base64.encode(Array(plain.utf8)) == coded) }
    }
}
