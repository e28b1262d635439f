internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc
internal import Wire

struct PackageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package",
        abstract: "Build packages, and find what would fail on a gateway before they are uploaded.",
        subcommands: [PackageBuildCommandLine.self, PackageCheckCommand.self, PackageInitCommand.self])
}

struct PackageBuildCommandLine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Make a package from Gateway Engine's JSON buildfile.",
        discussion: """
            Prints the tarball's full path on standard output and everything else on standard error. The same files \
            make the same bytes. The package is checked at the end: exit code 65 when it would fail on a gateway.
            """)

    @Argument(help: "A JSON file with name, version, includes, excludes, pre_build_cmds and post_build_cmds.")
    var buildfile: String
    @Option(name: [.customShort("o"), .customLong("output")], help: .init("Where the tarball goes.", valueName: "dir"))
    var output = "."
    @Option(name: .customLong("app-name"), help: .init("Instead of the buildfile's name.", valueName: "name"))
    var appName: String?
    @Option(name: .customLong("app-version"), help: .init("Instead of its version.", valueName: "version"))
    var appVersion: String?

    func run() throws {
        try exitingOnPackageError {
            var builder = try PackageBuilder(file: buildfile)
            for warning in builder.buildfile.warnings { tell("gwe: warning: \(warning)") }
            if let appName { builder.buildfile.name = try packageWord(appName, AppName.init, "an app's name") }
            if let appVersion { builder.buildfile.version = try packageWord(appVersion, { Version($0) }, "a version") }
            let path = try builder.build(into: output) { tell("gwe: \($0)") }
            let findings = try PackageInspection.check(path)
            for finding in findings where finding.level != .pass { tell(line(finding)) }
            guard !findings.contains(where: { $0.level == .fail }) else {
                tell("gwe: \(path) was made, but would fail on a gateway")
                throw ExitCode(65)
            }
            emit(path)
        }
    }
}

struct PackageCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Find what would fail on a gateway; exit code 65 if anything would.",
        discussion: "Takes packages, and buildfiles (.json). Runs nothing of what is in them.")

    @OptionGroup var output: OutputOptions
    @Option(
        name: .customLong("arch"), help: .init("The gateway's architecture, as uname -m names it.", valueName: "arch"))
    var architecture: String?
    @Argument(help: "Packages and buildfiles.") var files: [String]

    func run() throws {
        try exitingOnPackageError {
            var hasFailure = false
            var unread: (any Error)?
            for file in files {
                let findings: [PackageCheck.Finding]
                do {
                    findings =
                        file.hasSuffix(".json")
                        ? try PackageInspection.checkBuildfile(file)
                        : try PackageInspection.check(file, machine: architecture)
                } catch {
                    // The others are looked at all the same.
                    if let unread { tell("gwe: \(unread)") }
                    unread = error
                    continue
                }
                let fails = findings.contains { $0.level == .fail }
                hasFailure = hasFailure || fails
                if output.json {
                    emit(PackageCheckLine(file: file, findings: findings).jsonText())
                } else {
                    if files.count > 1 { emit("\(file):") }
                    for finding in findings { emit(line(finding)) }
                }
            }
            if let unread { throw unread }
            if hasFailure { throw ExitCode(65) }
        }
    }
}

struct PackageInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a first buildfile; one that is there is left alone.")

    @Argument(help: "The file to write (default: my_app.json).") var file: String?
    @Option(name: .customLong("app-name"), help: .init("The app's name (default: my_app).", valueName: "name"))
    var appName: String?
    @Option(name: .customLong("app-version"), help: .init("Its version (default: 1).", valueName: "version"))
    var appVersion: String?
    @Flag(name: .long, help: "Ask on standard input for what is not given; an empty line takes the default.")
    var ask = false

    func run() throws {
        try exitingOnPackageError {
            let file = try file ?? answer("file", "my_app.json")
            let appName = try appName ?? answer("name of the app", "my_app")
            let appVersion = try appVersion ?? answer("version", "1")
            guard !FileTree.exists(file) else {
                tell("gwe: cannot write \(file): it is there already")
                throw ExitCode(73)
            }
            let name = try packageWord(appName, AppName.init, "an app's name")
            let version = try packageWord(appVersion, { Version($0) }, "a version")
            try AtomicFile.write(Buildfile.template(name: name, version: version), to: file)
            emit(Folders.absolute(file, from: currentFolder()))
        }
    }

    /// The default where nothing is asked, where nothing is typed, and at the end of the input.
    private func answer(_ question: String, _ standard: String) throws -> String {
        guard ask else { return standard }
        writeAll("\(question) [\(standard)]: ", to: STDERR_FILENO)
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        // One by one: what follows the line belongs to the next question. No name is longer.
        while bytes.count < 4_096, read(STDIN_FILENO, &byte, 1) == 1, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        let line = String(decoding: bytes.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        return line.allSatisfy(\.isWhitespace) ? standard : line
    }
}

private func line(_ finding: PackageCheck.Finding) -> String {
    "\(finding.level.label) \(finding.subject): \(finding.message)"
}

private func packageWord<Word>(_ text: String, _ read: (String) -> Word?, _ what: String) throws -> Word {
    if let word = read(text) { return word }
    tell("gwe: expected \(what), found '\(text)'")
    throw ExitCode(64)
}

/// As `exitingOnError`, with 65 for bad documents, 66 for files that are missing, 73 for a folder that is, and 1 for a build
/// that failed.
private func exitingOnPackageError(_ body: () throws -> Void) throws {
    try exitingOnError {
        do { try body() } catch let errors as DocumentErrors {
            tell("gwe: \(errors)")
            throw ExitCode(65)
        } catch let error as PackageBuildError {
            tell("gwe: \(error)")
            switch error {
            case .noSuchFiles: throw ExitCode(66)
            case .noFolder: throw ExitCode(73)
            case .specialFile, .command: throw ExitCode(1)
            }
        }
    }
}
