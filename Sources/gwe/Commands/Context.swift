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

/// Reads gateway.yaml and puts together what every command needs; a mistake in it ends the command with 78.
func openContext(_ options: FolderOptions, _ manifest: ManifestOption? = nil) throws -> GatewayContext {
    let folders = options.folders
    do {
        let configuration = try ConfigurationStore(folders: folders).load()
        return GatewayContext(
            folders: folders, configuration: configuration,
            manifestFile: manifest?.file.map { Folders.absolute($0, from: currentFolder()) })
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
        throw ValidationError("'\(text)' is no app name: expected letters, digits, '_' and '-', at most 64 of them")
    }
    return name
}

/// Ends the command with a status of gwe.
func finish(_ status: ExitStatus) -> ExitCode { ExitCode(status.rawValue) }

/// Sees to it that an interrupted pass leaves no installer running: it would go on beside the one of the next pass.
func endInstallersWithThisProcess() {
    do { try ChildProcess.endWithThisProcess() } catch { tell("gwe: \(error)") }
}
