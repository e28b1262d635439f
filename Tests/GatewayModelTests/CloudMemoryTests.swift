import GatewayModel
import Testing

@Suite("What the gateway remembers of values in the cloud") struct CloudMemoryTests {
    private func value(_ resource: CloudResource, _ text: String) -> CloudValue {
        CloudValue(resource, text, digest: "digest of \(text)")
    }

    @Test("a value is empty, taken, uncleared, refused or new, resource by resource")
    func table() {
        var memory = CloudMemory()
        memory[.engineFetch] = .init(
            taken: "digest of manifest", refused: "digest of nonsense", uncleared: "digest of command")
        let table: [(CloudResource, String, CloudNews)] = [
            (.engineFetch, "", .empty(endsRefusal: true)), (.engineFetch, " \n\t", .empty(endsRefusal: true)),
            (.engineFetch, "manifest", .taken), (.engineFetch, "command", .uncleared),
            (.engineFetch, "nonsense", .refused), (.engineFetch, "another", .new), (.engineFetch, "Manifest", .new),
            (.configOtau, "", .empty(endsRefusal: false)), (.configOtau, "manifest", .new),
            (.updateInterval, "command", .new),
        ]
        for (resource, text, news) in table {
            #expect(memory.news(of: value(resource, text)) == news, "\(resource): \(text)")
        }
    }

    @Test("what a pass has seen before need not be read twice; what is empty asks for nothing and is not known")
    func known() {
        let news: [CloudNews] = [.empty(endsRefusal: true), .taken, .uncleared, .refused, .new]
        #expect(news.map(\.isKnown) == [false, true, true, true, false])
    }

    @Test("a command that was cleared and is written again is new")
    func again() {
        var memory = CloudMemory()
        let command = value(.engineFetch, "command")
        memory[.engineFetch].uncleared = command.digest
        #expect(memory.news(of: command) == .uncleared)
        memory[.engineFetch].uncleared = nil
        #expect(memory.news(of: command) == .new)
    }

    @Test(
        "update_interval: whole seconds from one to ten years, with white space around",
        arguments: [
            ("60", 60), (" 60\n", 60), ("1", 1), ("315360000", 315_360_000), ("0", nil), ("-5", nil),
            ("315360001", nil),
            ("60s", nil), ("1.5", nil), ("", nil), ("99999999999999999999", nil),
        ] as [(String, Int64?)])
    func interval(text: String, seconds: Int64?) { #expect(UpdateInterval.seconds(text) == seconds) }
}
