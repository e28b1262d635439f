import Documents
import Foundation
import GatewayModel
import Testing

@testable import Wire

/// Real outputs of gwe from before there was Wire, `Tests/Goldens/wire/SCHEMA.NAME.json`: each is read and written again
/// byte for byte. `Scripts/check-output --keep` makes such files.
@Suite("Documents that a gateway has written") struct GoldenTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Goldens/wire")

    /// A type of document by the name of its schema.
    struct Kind: Sendable {
        /// Whether a file holds one document a line.
        var isLines = false
        /// Reads a document and writes it again.
        var rewrite: @Sendable (JSONValue) throws -> JSONValue
        /// Whether a value that was read is the same after another round; nil where it cannot be read.
        var holds: @Sendable (JSONValue) -> Bool?

        init<Value: WireValue>(_ type: Value.Type, isLines: Bool = false) {
            self.isLines = isLines
            rewrite = { try Value(json: $0).json }
            holds = { json in
                guard let value = try? Value(json: json) else { return nil }
                guard let again = try? Value(jsonText: value.jsonText()) else { return false }
                return again == value
            }
        }
    }

    static let kinds: [String: Kind] = [
        "action": Kind(ActionAnswer.self), "activate": Kind(ActivationDocument.self),
        "config-import": Kind(ImportDocument.self), "config-show": Kind(ConfigDocument.self),
        "device_info": Kind(DeviceInfoReport.self), "doctor": Kind(DoctorDocument.self),
        "doctor-list": Kind([DoctorCheckName].self), "engine_report": Kind(EngineReport.self),
        "exit-codes": Kind(ExitCodesDocument.self), "fetch_status": Kind(FetchStatus.self),
        "history": Kind([PassRecord].self), "history-pass": Kind(PassRecord.self), "message": Kind(MessageAnswer.self),
        "otau_in": Kind(OtauReport.self), "outcome": Kind(OutcomeAnswer.self),
        "package-check": Kind(PackageCheckLine.self, isLines: true), "pass": Kind(PassLine.self, isLines: true),
        "reports": Kind(GatewayReports.self), "services": Kind(ServicesDocument.self),
        "status": Kind(StatusDocument.self), "status-answer": Kind(StatusAnswer.self),
        "status-app": Kind(StatusDocument.self), "usage": Kind(UsageDocument.self),
        "usage_report": Kind(UsageReport.self), "validate": Kind(ValidationLine.self, isLines: true),
        "wishes": Kind(WishesDocument.self),
    ]

    static let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.sorted() ?? []

    /// The texts of a file, one for each document.
    static func texts(of file: String) throws -> (kind: Kind, texts: [String]) {
        let kind = try #require(kinds[String(file.prefix { $0 != "." })], "\(file)")
        let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        return (kind, kind.isLines ? text.split(separator: "\n").map(String.init) : [text])
    }

    @Test("read and written again, a document is the same byte for byte", arguments: files)
    func identity(file: String) throws {
        let (kind, texts) = try GoldenTests.texts(of: file)
        for text in texts {
            let trimmed = text.hasSuffix("\n") ? String(text.dropLast()) : text
            let again = try kind.rewrite(JSON.parse(trimmed, source: file).json)
            #expect(again.text(indented: trimmed.contains("\n")) == trimmed)
        }
    }

    @Test("each kind of document has a golden file, and the files were found")
    func everyKind() {
        #expect(GoldenTests.files.count > 100)
        let met = Set(GoldenTests.files.map { String($0.prefix { $0 != "." }) })
        #expect(met == Set(GoldenTests.kinds.keys))
    }

    @Test("whatever can be read is read again as an equal value from what was written", arguments: files)
    func rounds(file: String) throws {
        let (kind, texts) = try GoldenTests.texts(of: file)
        var random = Seeded(state: UInt64(file.utf8.reduce(7) { ($0 &* 31) &+ UInt($1) }))
        var read = 0
        for text in texts.prefix(20) {
            let json = try JSON.parse(text, source: file).json
            for _ in 0..<40 {
                guard let holds = kind.holds(Self.changed(json, &random)) else { continue }
                read += 1
                #expect(holds, "\(file)")
            }
        }
        #expect(read > 0, "no change of \(file) could be read")
    }

    /// The document with some scalars replaced, lists shortened or doubled, keys added and taken away.
    private static func changed(_ json: JSONValue, _ random: inout Seeded) -> JSONValue {
        // Most scalars stay: else nothing of a long document could be read.
        let isKept = json.members == nil && json.elements == nil && Int.random(in: 0..<40, using: &random) > 0
        if isKept { return json }
        switch json {
        case .null: return "new"
        case .bool(let flag): return .bool(!flag)
        case .int(let number):
            let numbers = [number, 0, -1, 1, .max, .min, number &+ 1]
            return .int(numbers.randomElement(using: &random) ?? number)
        case .double(let number): return .double([number, 0, -0.5, 1e300].randomElement(using: &random) ?? number)
        case .string(let text):
            return .string(["", "é\u{1F600}\n\"\\", "a", "null"].randomElement(using: &random) ?? text)
        case .array(let elements):
            let list = elements.map { changed($0, &random) }
            switch Int.random(in: 0..<40, using: &random) {
            case 0: return .array([])
            case 1: return .array(list + list)
            default: return .array(list)
            }
        case .object(let members):
            var result = members.map { ($0.0, changed($0.1, &random)) }
            switch Int.random(in: 0..<40, using: &random) {
            case 0: result.append(("unheard_of", [1, nil, "x"]))
            case 1 where !result.isEmpty: result.remove(at: Int.random(in: 0..<result.count, using: &random))
            default: break
            }
            return .object(result)
        }
    }

    /// The same numbers in every run.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
