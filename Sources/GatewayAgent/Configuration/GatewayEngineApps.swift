internal import Documents
internal import Glibc
internal import GatewayModel
internal import GatewaySystem

extension GatewayEngineImport {
    /// Makes a first manifest of the programs that supervisord hosts. An app whose version Engine.config does not tell
    /// stands there as a comment, because a wish without a version could not be met.
    mutating func takeApps(_ programFolder: String, engineConfig: String, _ folders: Folders) {
        let apps = hostedApps(in: programFolder)
        guard !apps.isEmpty else { return left.append("apps: no program is configured in \(programFolder)") }
        let versions = (try? AtomicFile.read(engineConfig, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }

        var lines: [String] = []
        var wanted = 0
        for app in apps {
            guard let name = AppName(app.name) else {
                left.append("app '\(app.name)': the name has other characters than A-Z a-z 0-9 _ -")
                continue
            }
            if PackageName.reservedNames.contains(name.text) {
                left.append("app \(name): gwe does its work")
                continue
            }
            let version = versions.flatMap { GatewayEngineConfiguration.version(of: name.text, inEngineConfig: $0) }
            if let version = version.flatMap({ Version($0) }) {
                lines += ["  \(name):", "    version: \(JSONValue.string(version.text).text())"]
                if !app.startsByItself { lines.append("    state: stopped") }
                taken.append("app \(name) version \(version)")
                takenOver.versions[name] = version
                wanted += 1
            } else {
                lines += ["  # \(name):", "  #   version: \"\"   # fill in; Gateway Engine did not tell"]
                left.append(
                    "the version of app \(name): Gateway Engine did not tell it; fill it in where the manifest has the app as a comment"
                )
            }
        }
        guard !lines.isEmpty else { return }
        var status = stat()
        guard stat(folders.manifestFile, &status) != 0 else {
            return left.append("the list of apps, because \(folders.manifestFile) is there already")
        }
        let head = [
            "# Apps that Gateway Engine hosted, from \(programFolder).",
            "# With 'services: supervisord' in gateway.yaml they go on as they are. Otherwise stop supervisord before",
            "# 'gwe run', or they run twice.", "schema: gwe/v1",
        ]
        // Without a wish there must be no `apps:` at all: an empty one would mean "remove every app".
        manifest = (head + [wanted > 0 ? "apps:" : "# apps:"] + lines).joined(separator: "\n") + "\n"
    }

    private func hostedApps(in folder: String) -> [GatewayEngineConfiguration.HostedApp] {
        let names = (try? FileTree.list(folder)) ?? []
        let files = names.filter { $0.hasSuffix(".conf") && !$0.hasPrefix(".") }
        return files.flatMap { file -> [GatewayEngineConfiguration.HostedApp] in
            guard let bytes = try? AtomicFile.read("\(folder)/\(file)", limit: 65_536) else { return [] }
            return GatewayEngineConfiguration.HostedApp.read(String(decoding: bytes, as: UTF8.self))
        }
    }
}
