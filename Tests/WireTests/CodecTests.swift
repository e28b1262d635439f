import Documents
import GatewayModel
import Testing

@testable import Wire

/// What reading is strict in, and what it takes no notice of.
@Suite("Reading what others wrote") struct CodecTests {
    private func failure<Value: WireValue>(_ type: Value.Type, _ text: String) -> String? {
        do throws(WireError) {
            _ = try Value(jsonText: text)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("a key that is missing or of another type is named with its place")
    func places() {
        #expect(failure(MessageAnswer.self, "{}") == "message: is missing")
        #expect(failure(MessageAnswer.self, "[]") == "expected an object, found a list")
        #expect(failure(MessageAnswer.self, #"{"message": 5}"#) == "message: expected a string, found a number")
        #expect(
            failure([MessageAnswer].self, #"[{"message": ""}, {"message": null}]"#)
                == "[1].message: expected a string, found null")
        #expect(
            failure(FetchStatus.self, #"{"a.tar.gz": {"info": "", "name": "", "version": "", "state": "lost"}}"#)
                == #"a.tar.gz.state: expected a state of an update, found "lost""#)
        #expect(
            failure(StatusDocument.self, #"{"schema": "gwe/v2"}"#) == #"schema: expected gwe/v1, found "gwe/v2""#)
        #expect(failure(Int32.self, "2147483648") == "expected an integer of 32 bits, found a number")
    }

    @Test("keys that nobody knows yet are no trouble, and are not written again")
    func unknownKeys() throws {
        let answer = try OutcomeAnswer(jsonText: #"{"exit": 75, "later": {"a": []}, "message": "a pass is under way"}"#)
        #expect(answer == OutcomeAnswer(.tryLater, "a pass is under way"))
        #expect(answer.json.text() == #"{"exit":75,"message":"a pass is under way"}"#)
    }

    @Test("an exit status that nobody knows yet counts as an error in gwe itself")
    func unknownExit() throws {
        #expect(try OutcomeAnswer(jsonText: #"{"exit": 99, "message": ""}"#).exit == .internalError)
    }

    @Test("a word that nobody knows yet is kept as it is")
    func unknownWords() throws {
        let word = try Word<Step>(jsonText: #""defrost""#)
        #expect(word.known == nil && word.text == "defrost" && word.json == "defrost")
        #expect(Word(Step.unpack).known == .unpack)
        #expect(SyncWord(text: "drifted(modified,symlink)").sync == .drifted)
        #expect(SyncWord(text: "frozen").sync == nil)
    }

    @Test("a line of a type that nobody knows yet is kept as it is; one without a type is none")
    func unknownLines() throws {
        let line = try PassLine(jsonText: #"{"type": "weather", "sun": true}"#)
        #expect(line == .other(["type": "weather", "sun": true]))
        #expect(line.json.text() == #"{"type":"weather","sun":true}"#)
        #expect(failure(PassLine.self, #"{"message": "x"}"#) == "type: is missing")
    }

    @Test("an optional key that is absent stays absent, and one that may be null is written as null")
    func absence() throws {
        let step = try FetchState(jsonText: #"{"info":"","state":"init","version":"1","name":"web"}"#)
        #expect(step.json.text() == #"{"info":"","state":"init","version":"1","name":"web"}"#)
        let progress = try PassLine(jsonText: #"{"type":"progress","app":"web","bytes":1}"#)
        #expect(progress.json.text() == #"{"type":"progress","app":"web","bytes":1,"total":null}"#)
    }
}
