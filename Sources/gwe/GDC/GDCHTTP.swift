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
        case .send(let call): return session.print(session.ask(call))
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
        let folders = (try? FolderOptions.parse([]).folders) ?? Folders()
        let cloud = (try? ConfigurationStore(folders: folders).inForce())?.configuration.cloud
        let session = try GDCSession(GDCTarget(options, standardHost: cloud ?? "https://m2.exosite.com"), options)
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
