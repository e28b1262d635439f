internal import Documents

extension PackageCheck {
    /// One check of one package: each method adds what it finds.
    struct Judge {
        let contents: Contents
        let machine: String?
        /// gwe's own environment; nil where the gateway is another machine.
        let environment: [String: String]?
        private(set) var findings: [Finding] = []
        private var package: PackageName?
        private var app: AppYAML?

        init(contents: Contents, machine: String?, environment: [String: String]?) {
            self.contents = contents
            self.machine = machine
            self.environment = environment
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
            for name in PackageCheck.readPaths where contents.file(name) == nil {
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
            if let problem = Judge.problem(ofFirstLine: Array(first)) {
                add(.fail, path, problem)
            } else if !first.starts(with: "#!".utf8) {
                add(.fail, path, "the first line must begin with '#!', such as '#!/bin/sh'")
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

        /// Why the kernel finds no interpreter by the first line of a script; nil where it may find one.
        private static func problem(ofFirstLine line: [UInt8]) -> String? {
            if line.starts(with: PackageCheck.byteOrderMark) {
                return "it begins with a byte order mark, so the kernel does not see '#!'"
            }
            guard line.starts(with: "#!".utf8), line.last == UInt8(ascii: "\r") else { return nil }
            return "its first line ends in CR LF, so the kernel looks for an interpreter whose name ends in CR"
        }

        mutating func appYAML(_ yaml: DocumentReader) {
            let path = AppYAML.fileName
            guard let bytes = contents.texts[path], isReadable(path) else { return }
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
            let folders = Folders()
            let folder = folders.currentLink(of: name)
            guard let text = text(path) else {
                if let file = contents.file(path) {
                    return add(.fail, path, "it is a \(file.kind == .folder ? "folder" : "link that leads nowhere")")
                }
                let word = app?.service?.command?.split(separator: " ").first.map(String.init)
                return program(word ?? "", app?.service?.directory ?? "", AppYAML.fileName)
            }
            guard isReadable(path) else { return }
            let context = ServiceContext(
                release: "", directory: folder, logFolder: Folders.defaultLogFolder,
                environment: ServiceContext.appEnvironment(
                    app: name, version: package?.version.text ?? "1", current: folder,
                    data: folders.dataFolder(of: name)),
                agentEnvironment: environment ?? [:])
            do throws(DocumentErrors) {
                let conf = try PackageServiceFile.parse(
                    text, source: path, app: name, context: context, override: app?.service,
                    isEnvironmentKnown: environment != nil)
                for warning in conf.warnings { add(.warn, path, "\(warning)") }
                for name in conf.openVariables.sorted() {
                    add(.warn, path, "it needs the variable \(name) in the environment of gwe on the gateway")
                }
                let command = conf.definition.command.map { $0.contains("\n") ? DocumentText.quoted($0) : $0 }
                add(.pass, path, "command: \(command.joined(separator: " "))")
                program(conf.definition.command.first ?? "", conf.definition.directory, path)
            } catch {
                for problem in error.errors { add(.fail, path, "\(problem)") }
                if error.omittedCount > 0 { add(.fail, path, "and \(error.omittedCount) more") }
            }
        }

        /// A gateway reads no more of its text files.
        private mutating func isReadable(_ path: String) -> Bool {
            guard contents.texts[path]?.count ?? 0 > PackageCheck.textLimit else { return true }
            add(.fail, path, "it has more than \(PackageCheck.textLimit >> 20) MiB: a gateway refuses it as too large")
            return false
        }

        /// A program that is part of the package must be there and have its x bit. `install.sh` may make it.
        /// - Parameter directory: where a relative path of it begins: absolute, or relative to the release.
        private mutating func program(_ word: String, _ directory: String, _ subject: String) {
            guard let name = package?.name ?? AppName("app") else { return }
            let folder = Folders().currentLink(of: name)
            guard word.contains("/"), !word.hasPrefix("$"), !directory.contains("$") else { return }
            let base = directory.hasPrefix("/") ? directory : "\(folder)/\(directory)"
            let whole = Judge.resolved(word.hasPrefix("/") ? word : "\(base)/\(word)")
            // What lies elsewhere on the gateway is not the package's.
            guard whole.hasPrefix(folder + "/") else { return }
            let path = String(whole.dropFirst(folder.count + 1))
            if let file = contents.file(path) {
                if file.kind == .file, !file.isExecutable {
                    add(.fail, subject, "'\(path)' is the program to run, but its x bit is missing")
                } else if let problem = file.firstLine.flatMap(Judge.problem(ofFirstLine:)) {
                    let isMended = contents.file("install.sh") != nil
                    add(
                        isMended ? .warn : .fail, subject,
                        "'\(path)' is the program to run, but \(problem)"
                            + (isMended ? "; install.sh must mend it" : ""))
                }
            } else if isBelowLink(path) {
                return
            } else if contents.file("install.sh") != nil {
                add(.warn, subject, "'\(path)' is not in the package; install.sh must make it")
            } else {
                add(.fail, subject, "'\(path)' is the program to run, but it is not in the package")
            }
        }

        /// Whether a part of a path is a link: what it leads to is not looked at.
        private func isBelowLink(_ path: String) -> Bool {
            let parts = path.split(separator: "/")
            return parts.indices.contains { contents.file(parts[...$0].joined(separator: "/"))?.kind == .link }
        }

        /// An absolute path without `.` and `..`.
        private static func resolved(_ path: String) -> String {
            var parts: [Substring] = []
            for part in path.split(separator: "/") where part != "." {
                if part == ".." { _ = parts.popLast() } else { parts.append(part) }
            }
            return "/" + parts.joined(separator: "/")
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
            if hasSetup, !hasInstaller { setup() }
        }

        /// What `python3 setup.py install` needs and leaves.
        private mutating func setup() {
            let path = "setup.py"
            let lines = (text(path) ?? "").split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
            func imports(_ module: String) -> Bool {
                lines.contains { line in
                    ["import \(module)", "from \(module)"].contains { start in
                        guard line.hasPrefix(start) else { return false }
                        return line.dropFirst(start.count).first.map { " .,;\t".contains($0) } ?? true
                    }
                }
            }
            if imports("distutils") {
                add(
                    .warn, path,
                    "it imports distutils, which Python 3.12 and later do not have: on such a gateway it fails unless "
                        + "setuptools is installed there")
            } else if imports("setuptools") || imports("pkg_resources") {
                add(
                    .warn, path,
                    "it needs setuptools, which Python 3.12 and later do not bring: install python3-setuptools on the gateway"
                )
            }
            add(
                .warn, path,
                "what 'python3 setup.py install' puts outside of the release stays when the app is removed: "
                    + (contents.file("uninstall.sh") == nil
                        ? "take it away in uninstall.sh, or install into the release"
                        : "uninstall.sh must take it away"))
        }

        private func octal(_ mode: UInt32) -> String {
            let digits = String(mode & 0o7777, radix: 8)
            return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        }
    }
}
