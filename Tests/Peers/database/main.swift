import GatewaySystem
import Glibc

// A process that does with a database what its arguments say, one after the other, and answers each with a line: "ok", with
// what was found, or "failed: " and why. Tests let system calls of it fail, and kill it.
//
//     database-peer "write /tmp/a.db" begin "add 1" "soft 2" end values

signal(SIGXFSZ, SIG_IGN)

func answer(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(1, line, line.count)
}

struct Peer {
    private var database: Database?

    private func opened() throws -> Database {
        guard let database else { throw DatabaseError("use database", path: "-", code: 21, message: "it is not open") }
        return database
    }

    private func values(_ sql: String) throws -> String {
        var words: [String] = []
        for row in try opened().query(sql) {
            switch row[0] {
            case .null: words.append("null")
            case .integer(let number): words.append("\(number)")
            case .real(let number): words.append("\(number)")
            case .text(let text): words.append(text)
            case .blob(let bytes): words.append("\(bytes.count) bytes")
            }
        }
        return "ok " + words.joined(separator: ",")
    }

    private func add(_ value: String, isDurable: Bool) throws {
        try opened().transaction(isDurable: isDurable) { c throws(DatabaseError) in
            try c.execute("INSERT INTO t (v) VALUES (?)", [.text(value)])
        }
    }

    mutating func perform(_ line: String) throws -> String {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        let rest = words.count > 1 ? words[1] : ""
        switch words.first {
        case "write": database = try Database(path: rest, busyTimeout: .milliseconds(50))
        case "read": database = try Database(path: rest, mode: .readOnly, busyTimeout: .milliseconds(50))
        case "begin": try opened().beginSpan()
        case "end": try opened().endSpan()
        case "add": try add(rest, isDurable: true)
        case "soft": try add(rest, isDurable: false)
        // Many bytes, so that pages of the database change.
        case "big": try add(String(repeating: rest, count: 20_000), isDurable: true)
        case "long": try add(String(repeating: rest, count: 2_000), isDurable: true)
        case "nothing": try opened().transaction { _ throws(DatabaseError) in }
        case "sql": try opened().execute(rest)
        case "values": return try values("SELECT substr(v, 1, 9) FROM t ORDER BY id")
        case "query": return try values(rest)
        case "notice": return "ok " + (try opened().redoNotice ?? "")
        case "sh": return system(rest) == 0 ? "ok" : "failed: \(rest)"
        case "wait": while access(rest, F_OK) != 0 { usleep(1_000) }
        case "limit":
            var limit = rlimit(rlim_cur: rlim_t(rest) ?? 0, rlim_max: .max)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        case "umask": umask(mode_t(rest, radix: 8) ?? 0)
        case "kill": kill(getpid(), SIGKILL)
        default: return "failed: no such line: \(line)"
        }
        return "ok"
    }
}

var peer = Peer()
for line in CommandLine.arguments.dropFirst() {
    do { answer(try peer.perform(line)) } catch { answer("failed: \(error)") }
}
