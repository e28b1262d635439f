internal import DeviceClient
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem

/// `gdc`, the device client for shell scripts and other languages (docs/commands.md#gdc): the same executable
/// as gwe under another name, and `gwe gdc …`.
enum GDC {
    /// The arguments of a call of gdc; nil when this is one of gwe.
    static func arguments(_ line: [String]) -> [String]? {
        let name = line.first?.split(separator: "/").last ?? ""
        if name == "gdc" { return Array(line.dropFirst()) }
        return line.dropFirst().first == "gdc" ? Array(line.dropFirst(2)) : nil
    }

    /// Runs one command line and returns its exit status.
    static func run(_ arguments: [String]) -> Int32 {
        do throws(GDCFailure) {
            let line = try GDCLine(arguments)
            if let token = line.options.token { ProgramArguments.hide(token) }
            if line.options.isHelp {
                emit(GDCHelp.text(line.words))
                return 0
            }
            if line.options.isVersion {
                emit("gdc \(AgentVersion.text)")
                return 0
            }
            return try command(line)
        } catch {
            tell("gdc: \(error.message)")
            return error.code
        }
    }

    private static func command(_ line: GDCLine) throws(GDCFailure) -> Int32 {
        let words = Array(line.words.dropFirst())
        guard !line.options.isUnset || line.words.first == "cfg" else { throw .usage("-U belongs to 'gdc cfg … set'") }
        switch line.words.first {
        case "cfg": return try GDCConfiguration.run(words, unset: line.options.isUnset)
        case "http": return try GDCHTTP.run(words, line.options)
        case "write": return try GDCHTTP.oldWrite(words, line.options)
        case "mqtt": return try GDCMQTT.run(words, line.options)
        case nil: throw .usage("expected cfg, http, mqtt or write; see 'gdc -h'")
        case let word?: throw .usage("unknown command '\(word)': expected cfg, http, mqtt or write; see 'gdc -h'")
        }
    }
}
