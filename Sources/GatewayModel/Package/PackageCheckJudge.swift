internal import Documents

extension PackageCheck {
    /// One check of one package: each method adds what it finds.
    struct Judge {
        let contents: Contents
        let machine: String?
        private(set) var findings: [Finding] = []
        private var package: PackageName?
        private var app: AppYAML?

        init(contents: Contents, machine: String?) {
            self.contents = contents
            self.machine = machine
        }

        private mutating func add(_ level: Level, _ subject: String, _ message: String) {
            findings.append(Finding(level, subject, message))
        }

        private func text(_ path: String) -> String? {
            contents.texts[path].map { String(decoding: $0, as: UTF8.self) }
        }

        mutating func name() {
            do {
                let package = try PackageName.parse(contents.fileName)
                self.package = package
                add(.pass, "name", "app '\(package.name)', version '\(package.version)'")
            } catch { add(.fail, "name", "\(error)") }
        }

        mutating func layout() {
            let count = contents.files.filter { $0.kind == .file }.count
            let place = contents.topFolder.map { "under the folder '\($0)'" } ?? "at the root"
            if count == 0 { return add(.fail, "files", "there is no file in it") }
            add(.pass, "files", "\(count) file\(count == 1 ? "" : "s") \(place)")
            for name in PackageCheck.readPaths + ["setup.py"] where contents.file(name) == nil {
                guard let deeper = contents.files.first(where: { $0.kind == .file && $0.path.hasSuffix("/" + name) })
                else { continue }
                add(
                    .warn, "files",
                    "'\(deeper.path)' is not used: \(name) counts at the root or under one top folder only")
            }
        }

        /// `install.sh` and `uninstall.sh`: the kernel must be able to run them.
        mutating func script(_ path: String) {
            guard let file = contents.file(path) else { return }
            guard file.kind == .file else { return add(.fail, path, "it is no regular file") }
            let failures = findings.count
            if !file.isExecutable {
                add(.fail, path, "the x bit is missing (mode \(octal(file.mode))): chmod +x \(path)")
            }
            let bytes = contents.texts[path] ?? []
            let first = bytes.prefix { $0 != UInt8(ascii: "\n") }
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
                add(.fail, path, "it begins with a byte order mark, so the kernel does not see '#!'")
            } else if !first.starts(with: "#!".utf8) {
                add(.fail, path, "the first line must begin with '#!', such as '#!/bin/sh'")
            } else if first.last == UInt8(ascii: "\r") {
                add(
                    .fail, path,
                    "its first line ends in CR LF, so the kernel looks for an interpreter whose name ends in CR")
            } else {
                let words = String(decoding: first.dropFirst(2), as: UTF8.self).split { $0 == " " || $0 == "\t" }
                let interpreter = words.first.map(String.init) ?? ""
                if !interpreter.hasPrefix("/") {
                    add(.fail, path, "expected an absolute path after '#!', found '\(interpreter)'")
                } else if !["/bin/sh", "/usr/bin/env"].contains(interpreter) {
                    add(.warn, path, "'\(interpreter)' may be missing on a small gateway; /bin/sh is everywhere")
                }
            }
            if findings.count == failures {
                if bytes.contains(UInt8(ascii: "\r")) {
                    add(.warn, path, "it has lines that end in CR LF: the shell takes the CR as part of the last word")
                } else {
                    add(.pass, path, "it can be run")
                }
            }
        }

        mutating func appYAML(_ yaml: DocumentReader) {
            let path = AppYAML.fileName
            guard let bytes = contents.texts[path] else { return }
            do {
                let app = try AppYAML.decode(yaml(bytes, path))
                self.app = app
                if let package,
                    let reason = app.disagreement(name: package.name, version: package.version, machine: machine)
                {
                    add(.fail, path, reason)
                } else {
                    add(.pass, path, "it agrees with the file's name")
                }
            } catch { add(.fail, path, "\(error)") }
        }

        mutating func supervisorConf() {
            let path = "supervisor.conf"
            guard let name = package?.name ?? AppName("app") else { return }
            let folder = "/var/lib/gwe/releases/\(name)/current"
            guard let text = text(path) else {
                let word = app?.service?.command?.split(separator: " ").first
                return program(word.map(String.init) ?? "", AppYAML.fileName, from: folder)
            }
            var context = ServiceContext(release: "", directory: folder, logFolder: Folders.defaultLogFolder)
            // The gateway's environment is not known here: its variables stand for themselves.
            let variables = PackageServiceFile.variables(namedIn: text)
            for name in variables { context.agentEnvironment[name] = "$\(name)" }
            do {
                let conf = try PackageServiceFile.parse(
                    text, source: path, app: name, context: context, override: app?.service)
                for warning in conf.warnings { add(.warn, path, "\(warning)") }
                for name in variables.sorted() where conf.definition.environment[name] == nil {
                    add(.warn, path, "it needs the variable \(name) in the environment of gwe on the gateway")
                }
                add(.pass, path, "command: \(conf.definition.command.joined(separator: " "))")
                program(conf.definition.command.first ?? "", path, from: folder)
            } catch { add(.fail, path, "\(error)") }
        }

        /// A program that is part of the package must be there and have its x bit. `install.sh` may make it.
        private mutating func program(_ word: String, _ subject: String, from folder: String) {
            var path = word
            if path.hasPrefix(folder + "/") { path.removeFirst(folder.count + 1) }
            if path.hasPrefix("./") { path.removeFirst(2) }
            guard path.contains("/") || word.hasPrefix("./"), !path.hasPrefix("/"), !word.hasPrefix("$") else { return }
            if let file = contents.file(path) {
                if file.kind == .file, !file.isExecutable {
                    add(.fail, subject, "'\(path)' is the program to run, but its x bit is missing")
                }
            } else if contents.file("install.sh") != nil {
                add(.warn, subject, "'\(path)' is not in the package; install.sh must make it")
            } else {
                add(.fail, subject, "'\(path)' is the program to run, but it is not in the package")
            }
        }

        mutating func reserved() {
            guard let package, package.isReserved, app == nil else { return }
            add(
                .fail, "name",
                "'\(package.name)' is one of gwe's own names: such a package needs an app.yaml, "
                    + "and Gateway Engine's own tarballs are refused")
        }

        mutating func binaries() {
            let binaries = contents.files.compactMap { file in file.architecture.map { (file.path, $0) } }
            guard let first = binaries.first else { return }
            let target = machine.flatMap(Architecture.init)
            let claims = app?.architectures ?? []
            let wanted = target.map { [$0] } ?? claims
            if wanted.isEmpty {
                let families = binaries.reduce(into: [Architecture]()) { found, binary in
                    if !found.contains(where: { $0.isSameFamily(as: binary.1) }) { found.append(binary.1) }
                }
                let names = families.map(\.text).joined(separator: ", ")
                return add(
                    .warn, "binaries",
                    families.count > 1
                        ? "there are programs for \(names), and no app.yaml that says what the package is for"
                        : "'\(first.0)' runs on \(names) only: say so with 'arch: \(names)' in app.yaml")
            }
            let strangers = binaries.filter { binary in !wanted.contains { binary.1.isSameFamily(as: $0) } }
            for (path, architecture) in strangers {
                let names = wanted.map(\.text).joined(separator: ", ")
                add(.fail, "binaries", "'\(path)' is for \(architecture.text), the package for \(names)")
            }
            if strangers.isEmpty {
                add(.pass, "binaries", "\(binaries.count) for \(wanted.map(\.text).joined(separator: ", "))")
            }
        }

        /// What the package will do once it is there.
        mutating func purpose() {
            let hasInstaller = contents.file("install.sh") != nil, hasSetup = contents.file("setup.py") != nil
            let isService = contents.file("supervisor.conf") != nil || app?.service?.command != nil
            switch (isService, hasInstaller || hasSetup) {
            case (true, _): add(.pass, "kind", "a long-running app")
            case (false, true): add(.pass, "kind", "one-off or library: its installer runs once per version")
            case (false, false):
                add(
                    .warn, "kind",
                    "nothing will run: it has no install.sh, no setup.py, no supervisor.conf and no service")
            }
            if hasInstaller, hasSetup { add(.warn, "setup.py", "it is not run, because install.sh is there") }
        }

        private func octal(_ mode: UInt32) -> String {
            let digits = String(mode & 0o7777, radix: 8)
            return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        }
    }
}
