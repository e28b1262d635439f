internal import DeviceClient

/// The words after `gdc http`, understood.
enum GDCCommand {
    case send(DeviceCall)
    case activate
    /// One write for each line of standard input.
    case writeLines(alias: String)
    case contentList
    case download(String)

    init(_ words: [String]) throws(GDCFailure) {
        let operands = Array(words.dropFirst())
        switch (words.first, operands.count) {
        case ("timestamp", 0): self = .send(.timestamp)
        case ("activate", 0): self = .activate
        case ("read", 1...): self = .send(.read(operands))
        case ("poll", 2), ("poll", 3):
            guard let time = Int64(operands[1]), time > 0, time <= 300_000 else {
                throw .usage("'\(operands[1])' is no timeout: expected milliseconds, 1 to 300000")
            }
            let since = operands.count == 3 ? operands[2] : nil
            self = .send(.poll(alias: operands[0], timeout: .milliseconds(time), since: since))
        case ("write", 2):
            self =
                operands[1] == "-"
                ? .writeLines(alias: operands[0]) : .send(.write([(alias: operands[0], value: operands[1])]))
        case ("record", 3):
            guard let time = Int64(operands[0]) else {
                throw .usage("'\(operands[0])' is no time: expected seconds since 1970")
            }
            self = .send(.record([RecordPoint(alias: operands[1], timestamp: time, value: operands[2])]))
        case ("content", 1) where operands[0] == "list": self = .contentList
        case ("content", 2) where operands[0] == "info": self = .send(.contentInfo(operands[1]))
        case ("content", 2) where operands[0] == "download": self = .download(try GDCCommand.fileName(operands[1]))
        default: throw GDCForms.mistake("http", words)
        }
    }

    /// A content is written under its own name into the working folder, and nowhere else.
    private static func fileName(_ name: String) throws(GDCFailure) -> String {
        let isName = !name.contains("/") && name != "." && name != ".." && !name.isEmpty && name.utf8.count <= 240
        guard isName else { throw .usage("cannot download '\(name)': that is no name of a file in this folder") }
        return name
    }
}
