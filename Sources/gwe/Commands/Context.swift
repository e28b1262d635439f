internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

struct ManifestOption: ParsableArguments {
    @Option(
        name: .customLong("manifest"),
        help: .init("The local desired state (else manifest.yaml in the configuration folder).", valueName: "file"))
    var file: String?
}

/// Reads gateway.yaml and puts together what every command needs. While something is wrong in that file, the last good
/// configuration counts.
/// - Parameter needsConfiguration: whether the command is about the cloud, or supervises: where there is no last good
///   configuration either, it ends with 78. Others go on with what can be understood.
func openContext(
    _ options: FolderOptions, _ manifest: ManifestOption? = nil, needsConfiguration: Bool = false
) throws -> GatewayContext {
    let folders = options.folders
    do {
        let inForce = try ConfigurationStore(folders: folders).inForce(isTolerant: !needsConfiguration)
        var context = GatewayContext(
            folders: folders, configuration: inForce.configuration,
            manifestFile: manifest?.file.map { Folders.absolute($0, from: currentFolder()) })
        context.configurationProblems = inForce.problems
        return context
    } catch let error as SystemError where error.code == EACCES {
        tell("gwe: \(error)")
        throw finish(.notPermitted)
    } catch {
        tell("gwe: \(error)")
        throw ExitCode(ExitStatus.badConfiguration.rawValue)
    }
}

/// An app's name from the command line.
func appName(_ text: String) throws -> AppName {
    guard let name = AppName(text) else {
        // A habit of supervisorctl's.
        let app = text.split(separator: ":", maxSplits: 1).first.flatMap { AppName(String($0)) }
        if let app, text.contains(":") {
            throw usageError(
                "'\(text.prefix(80))' is one process of an app: only 'gwe logs' takes one; name the app, \(app) "
                    + "('gwe status \(app)' shows all its processes)")
        }
        let length = text.utf8.count > 64 ? ", found \(text.utf8.count)" : ""
        throw usageError(
            "'\(text.prefix(80))' is no app name: expected letters, digits, '_' and '-', at most 64 of them\(length)")
    }
    return name
}

/// Says what is wrong with a word of the command line, in the form of all errors.
func usageError(_ message: String) -> ExitCode {
    tell("gwe: \(message)")
    return finish(.usage)
}

/// Ends the command with a status of gwe.
func finish(_ status: ExitStatus) -> ExitCode { ExitCode(status.rawValue) }

/// The daemon, for a command that needs no more than its answer; nil where none runs. While that takes long, the command
/// says for whom it waits.
func controlClient(_ context: GatewayContext) -> ControlClient? {
    ControlClient(folders: context.folders) { pid in
        tell("gwe: waiting for the daemon" + (pid.map { ", process \($0)" } ?? ""))
    }
}

/// Says that a daemon hangs, where one does, of what was shown without asking it.
func tellOfSilentDaemon(_ context: GatewayContext, _ consequence: String) {
    guard let failure = ControlClient.failure(context.folders), case .silent = failure else { return }
    tell("gwe: note: \(failure); \(consequence)")
}

/// Sees to it that an interrupted pass leaves no installer running: it would go on beside the one of the next pass.
func endInstallersWithThisProcess() {
    do { try ChildProcess.endWithThisProcess() } catch { tell("gwe: \(error)") }
}
