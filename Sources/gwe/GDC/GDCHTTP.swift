internal import ArgumentParser
internal import DeviceClient
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// `gdc http`: one call of the device API, and the server's own answer.
enum GDCHTTP {
    static func run(_ words: [String], _ options: GDCOptions) throws(GDCFailure) -> Int32 {
        let command = try GDCCommand(words)
        let session = try GDCSession(GDCTarget(options), options)
        switch command {
        case .send(let call):
            let outcome = session.ask(call)
            switch call {
            case .read, .poll: return session.print(outcome, isDecoded: true)
            case .timestamp:
                guard case .answered(let answer) = outcome, answer.status == 200 else { return session.print(outcome) }
                emit(answer.text.filter { !$0.isWhitespace })
                return 0
            default: return session.print(outcome)
            }
        case .activate: return try GDCActivation.run(session)
        case .writeLines(let alias):
            var code: Int32 = 0
            var lines = GDCInputLines()
            while let line = try lines.next() {
                let result = session.print(session.ask(.write([(alias: alias, value: line)])))
                if result != 0 { code = result }
            }
            return code
        case .contentList:
            let answer = session.ask(.contentList)
            guard case .answered(let answered) = answer, answered.status == 200 else { return session.print(answer) }
            for name in answered.text.split(whereSeparator: \.isNewline) { emitData(String(name)) }
            return 0
        case .download(let name): return session.download(name)
        }
    }

    /// `gdc write CIK ALIAS VALUE` of device-client 1.3: prints the answer as its handlers printed themselves.
    static func oldWrite(_ words: [String], _ options: GDCOptions) throws(GDCFailure) -> Int32 {
        guard words.count == 3 else { throw .usage("expected 'gdc write <cik> <alias> <value>'; see 'gdc write -h'") }
        var options = options
        if words[0] != "-" {
            ProgramArguments.hide(words[0])
            options.token = words[0]
        }
        let target = try GDCTarget(options, isOldWrite: true)
        guard target.token != nil || target.configuration.transfer.clientCertificate != nil else {
            throw .usage("which token? '-' takes it from GDC_TOKEN, GDC_TOKEN_FILE or --token-file, and none is there")
        }
        let session = try GDCSession(target, options)
        let outcome = session.ask(.write([(alias: words[1], value: words[2])]))
        var status = 0
        var body = ""
        if case .answered(let answer) = outcome { (status, body) = (answer.status, answer.text) }
        let code = session.code(of: outcome)
        let escaped = body.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : $0 == "\n" ? "\\n" : "\($0)" }.joined()
        emit("Response code: \(status), Response body: u'\(escaped)', success: \(code == 0 ? "True" : "False")")
        return code
    }
}
