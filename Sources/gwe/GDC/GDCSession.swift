internal import ArgumentParser
internal import DeviceClient
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// One `gdc http`: the client, what goes with every request, and how answers are shown.
final class GDCSession {
    enum Outcome {
        case answered(DeviceAnswer)
        /// No answer, or none that the device API gives.
        case failed(DeviceClientError)
    }

    /// Counts for the gateway that this machine is, whoever the device is.
    static var meter: UsageMeter {
        UsageMeter(stateFolder: ((try? FolderOptions.parse([]).folders) ?? Folders()).stateFolder)
    }

    let target: GDCTarget
    let client: DeviceClient
    private let isDebugging: Bool

    init(_ target: GDCTarget, _ options: GDCOptions) throws(GDCFailure) {
        let levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
        let level = (options.debug ?? environmentVariable("MURANO_CLIENT_DEBUG") ?? "WARNING").uppercased()
        guard levels.contains(level) || options.debug == nil else {
            throw .usage("'\(level)' is no level: expected \(levels.joined(separator: ", "))")
        }
        isDebugging = level == "DEBUG"
        self.target = target
        do throws(DeviceClientError) {
            client = try DeviceClient(configuration: target.configuration, tokens: .none)
            client.meter = GDCSession.meter.count
        } catch {
            throw GDCFailure(code: ExitStatus.systemError.rawValue, message: error.description)
        }
    }

    func ask(_ call: DeviceCall) -> Outcome {
        debug(client.curlCommand(call, withToken: target.token != nil))
        do throws(DeviceClientError) {
            let answer = try client.answer(to: call, token: target.token)
            if let date = answer.lastModified { debug("Last-Modified: \(date)") }
            return .answered(answer)
        } catch {
            return .failed(error)
        }
    }

    /// Prints `[<code>] <body>` and returns the exit status.
    /// - Parameter isDecoded: prints the body of a 200 without its percent-encoding, as murano-client does.
    func print(_ outcome: Outcome, isDecoded: Bool = false) -> Int32 {
        switch outcome {
        case .answered(let answer):
            let text = isDecoded && answer.status == 200 ? FormCoding.decode(answer.body) : answer.text
            emitData("[\(answer.status)] " + (text.hasSuffix("\n") ? String(text.dropLast()) : text))
        case .failed: emit("[0] ")
        }
        return code(of: outcome)
    }

    /// The exit status of an outcome; says on standard error why there was no answer.
    func code(of outcome: Outcome) -> Int32 {
        switch outcome {
        case .answered(let answer): return GDCSession.code(ofStatus: answer.status).rawValue
        case .failed(let error):
            tell("gdc: \(error)")
            return GDCSession.code(of: error).rawValue
        }
    }

    /// Downloads into the working folder. A cut leaves `<name>.partial`, from which the same call goes on.
    func download(_ name: String) -> Int32 {
        debug(client.curlCommand(downloading: name, withToken: target.token != nil))
        do throws(DeviceClientError) {
            _ = try client.download(name, into: "./" + name)
            // That the file is whole is known now; what it was made from is of no use in somebody's own folder.
            unlink("./\(name).origin")
            emit("[200] \(name)")
            return 0
        } catch {
            emit("[\(error.status ?? 0)] ")
            tell("gdc: \(error)")
            return error.status.map { GDCSession.code(ofStatus: $0).rawValue } ?? GDCSession.code(of: error).rawValue
        }
    }

    static func code(ofStatus status: Int) -> ExitStatus {
        switch status {
        case 200..<300, 304: .success
        case 401, 403: .notPermitted
        case 408, 425, 429, 500...: .tryLater
        default: .failure
        }
    }

    static func code(of error: DeviceClientError) -> ExitStatus {
        switch (error.kind, error.transfer?.kind) {
        case (_, .refused): .badConfiguration
        case (_, .storage): error.transfer?.isNoSpace == true ? .noSpace : .inputOutputError
        case (.notActivated, _), (.notAuthorised, _): .notPermitted
        case (.unknownDevice, _), (.alreadyActivated, _), (.permanent, nil): .failure
        default: .unavailable
        }
    }

    func debug(_ text: String) {
        if isDebugging { tell("gdc: DEBUG: \(text)") }
    }
}
