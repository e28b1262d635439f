internal import ArgumentParser
internal import Documents
internal import GatewaySystem

struct FaultCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fault",
        abstract: "Misbehave on purpose.",
        discussion: """
            EXAMPLES:
              murano-sandbox fault cut 100000 --on download --times 1
              murano-sandbox fault answer 429 --retry-after 30 --times 3
              murano-sandbox fault captive-portal --device 02:42:AC:11:00:02
              murano-sandbox fault refuse 5 --times 1              # MQTT: not authorised
              murano-sandbox fault cut 0 --on deliver --times 1    # MQTT: what was set is lost on its way
              murano-sandbox fault list
              murano-sandbox fault clear

            A fault meets every request until it is used up (--times) or cleared; the oldest that fits has the request. \
            Faults end with the server. Calls for --on: \(Fault.Call.allCases.map(\.rawValue).joined(separator: ", ")).

            Over MQTT, activate is $provision, write is $resource/…, record is $resource.batch. There is no answer with a \
            status: a connect is refused (401: 4, 403: 5, all else: 3), and otherwise the connection ends. trickle, \
            clock, short and huge leave MQTT alone, refuse leaves HTTP alone.
            """,
        subcommands: [
            Slow.self, Trickle.self, Cut.self, Answer.self, CaptivePortal.self, Clock.self, Silent.self, Garbage.self,
            Short.self, Huge.self, Refuse.self, List.self, Clear.self,
        ])

    /// Which requests, and how many.
    struct Scope: ParsableArguments {
        @Option(name: .customLong("on"), help: .init("Only such calls; may be repeated.", valueName: "call"))
        var calls: [String] = []
        @Option(help: .init("Only this device.", valueName: "id")) var device: String?
        @Option(help: .init("So many requests.", valueName: "n")) var times: Int?
        @OptionGroup var server: ServerOptions

        func validate() throws {
            for call in calls where Fault.Call(rawValue: call) == nil {
                let known = Fault.Call.allCases.map(\.rawValue)
                let near = Suggestion.nearest(to: call, among: known).map { "; did you mean '\($0)'?" } ?? ""
                throw ValidationError("unknown call '\(call)'\(near.isEmpty ? "; expected one of \(known)" : near)")
            }
            if let times, times < 1 { throw ValidationError("expected --times 1 or more, found \(times)") }
        }

        func add(_ kind: Fault.Kind) throws {
            let fault = Fault(kind, on: Set(calls.compactMap(Fault.Call.init(rawValue:))), device: device, times: times)
            try server.client.call(.post, ["faults"], body: Array(fault.json.text().utf8), type: "application/json")
        }
    }

    struct Slow: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Wait before each answer.")
        @Argument(help: "How long, in seconds.") var seconds: Double
        @OptionGroup var scope: Scope
        func validate() throws {
            guard (0...86_400).contains(seconds) else { throw ValidationError("expected 0 to 86400 seconds") }
        }
        func run() throws { try scope.add(.slow(seconds: seconds)) }
    }

    struct Trickle: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Send bodies slowly.")
        @Argument(help: "Bytes per second.") var rate: Int64
        @OptionGroup var scope: Scope
        func validate() throws { guard rate > 0 else { throw ValidationError("expected 1 byte per second or more") } }
        func run() throws { try scope.add(.trickle(bytesPerSecond: rate)) }
    }

    struct Cut: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Act on the request and lose the connection after so many bytes of the answer's body.")
        @Argument(help: "Bytes of the body that still arrive.") var byteCount: Int64
        @OptionGroup var scope: Scope
        func validate() throws { guard byteCount >= 0 else { throw ValidationError("expected 0 bytes or more") } }
        func run() throws { try scope.add(.cut(afterByteCount: byteCount)) }
    }

    struct Answer: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer with a status and do nothing.")
        @Argument(help: "The status: 401, 404, 429, 503 …") var status: Int
        @Option(help: .init("The Retry-After header, in seconds.", valueName: "s")) var retryAfter: Int64?
        @OptionGroup var scope: Scope
        func validate() throws {
            guard (200...599).contains(status) else { throw ValidationError("expected a status of 200 to 599") }
            if let retryAfter, retryAfter < 0 { throw ValidationError("expected --retry-after 0 or more") }
        }
        func run() throws { try scope.add(.answer(status: status, retryAfter: retryAfter)) }
    }

    struct CaptivePortal: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer with the login page of a captive portal.")
        @OptionGroup var scope: Scope
        func run() throws { try scope.add(.captivePortal) }
    }

    struct Clock: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell a wrong time, in the Date header and at /timestamp.")
        @Argument(parsing: .allUnrecognized, help: "Seconds that are added; may be negative.") var offset: [String]
        @OptionGroup var scope: Scope
        func validate() throws {
            guard offset.count == 1, Int64(offset[0]) != nil else {
                throw ValidationError("expected a whole number of seconds, such as -31536000")
            }
        }
        func run() throws { try scope.add(.clock(offsetSeconds: Int64(offset[0]) ?? 0)) }
    }

    struct Silent: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take requests and never answer.")
        @OptionGroup var scope: Scope
        func run() throws { try scope.add(.silent) }
    }

    struct Garbage: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Act on the request and answer with bytes that mean nothing.")
        @OptionGroup var scope: Scope
        func run() throws { try scope.add(.garbage) }
    }

    struct Short: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Act on the request and answer whole, but with half of the body.")
        @OptionGroup var scope: Scope
        func run() throws { try scope.add(.short) }
    }

    struct Huge: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer with a body that is far too long.")
        @Argument(help: "Its bytes.") var byteCount: Int64
        @OptionGroup var scope: Scope
        func validate() throws { guard byteCount >= 0 else { throw ValidationError("expected 0 bytes or more") } }
        func run() throws { try scope.add(.huge(byteCount: byteCount)) }
    }

    struct Refuse: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Refuse MQTT connects.")
        @Argument(
            help: "1 version, 2 client id, 3 not available, 4 bad user name or password, 5 not authorised.")
        var code: UInt8
        @OptionGroup var scope: Scope
        func validate() throws { guard (1...5).contains(code) else { throw ValidationError("expected 1 to 5") } }
        func run() throws { try scope.add(.refuse(code: code)) }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the faults in force.")
        @Flag(help: "Print JSON.") var json = false
        @OptionGroup var server: ServerOptions

        func run() throws {
            guard !json else { return try server.client.printDocument(["faults"]) }
            let faults = try server.client.document(["faults"]).elements ?? []
            let rows = faults.map { fault in
                let about = (fault.members ?? []).filter { !["id", "kind", "on", "device", "times"].contains($0.0) }
                return [
                    "\(fault["id"]?.int ?? 0)", fault["kind"]?.string ?? "",
                    fault["times"]?.int.map { "\($0)" } ?? "-", fault["device"]?.string ?? "-",
                    (fault["on"]?.elements ?? []).compactMap(\.string).joined(separator: ","),
                    about.map { "\($0.0)=\($0.1.text())" }.joined(separator: " "),
                ]
            }
            printTable([["ID", "KIND", "TIMES", "DEVICE", "ON", "HOW"]] + rows)
        }
    }

    struct Clear: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Behave again: all faults, or one of the list.")
        @Argument(help: "Its number.") var id: Int64?
        @OptionGroup var server: ServerOptions

        func run() throws { try server.client.call(.delete, ["faults"] + (id.map { ["\($0)"] } ?? [])) }
    }
}
