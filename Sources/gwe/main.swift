internal import ArgumentParser
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

// A reader that went away (`gwe status | head`) must not kill a pass in its middle.
signal(SIGPIPE, SIG_IGN)
// A file that may not grow any more (ulimit -f) is an error of that write, and not the end of gwe. Children get the default.
signal(SIGXFSZ, SIG_IGN)
// What gwe makes, its owner may read and write, also where it was started with a umask that takes that away, such as 777.
umask(umask(0o077) & 0o077)
// What is opened later must never be taken for standard input or output.
while case let descriptor = open("/dev/null", O_RDWR), descriptor >= 0 {
    if descriptor > STDERR_FILENO {
        close(descriptor)
        break
    }
}

/// Runs one command line and returns how it ended.
/// - Parameter frequent: the command, where it is one of those that are read without ArgumentParser.
func run(_ arguments: [String], as frequent: (any ParsableCommand)? = nil) -> Int32 {
    do {
        var command = try frequent ?? GWE.parseAsRoot(arguments)
        try command.run()
        return ExitStatus.success.rawValue
    } catch let code as ExitCode {
        // All is said. ArgumentParser would make the command's help first.
        return code.rawValue
    } catch {
        let code = GWE.exitCode(for: error)
        let message = GWE.fullMessage(for: error)
        if code.isSuccess {
            if !message.isEmpty { emit(HelpText.withExamples(message)) }
        } else if !message.isEmpty {
            tell(HelpText.inOneForm(message))
        }
        return code.rawValue
    }
}

// Without its words a command would look like a call without any, which is the daemon's.
// In place of none at all the kernel puts an empty name.
guard let words = ProgramArguments.words, words.contains(where: { !$0.isEmpty }) else {
    tell("gwe: cannot tell what it was called with: the C library does not say, and /proc/self/cmdline cannot be read")
    exit(ExitStatus.systemError.rawValue)
}
if let arguments = GDC.arguments(words) { exit(StandardOutput.end(GDC.run(arguments), of: "gdc")) }

// An old init script must not start a second daemon.
if words.first?.split(separator: "/").last == "gmq" {
    tell("gmq: the message queue is not part of this version")
    exit(ExitStatus.unavailable.rawValue)
}

let arguments = Array(words.dropFirst())
switch LegacyFlags.translate(arguments) {
case .modern:
    // Asked by service managers, and by a daemon of the program that is to take its place.
    if arguments == ["--version"] {
        emit(AgentVersion.text)
        exit(StandardOutput.end(ExitStatus.success.rawValue, of: "gwe"))
    }
    let frequent = FrequentCall.command(arguments)
    if frequent == nil, let message = UnknownCommand.message(for: arguments) {
        tell("gwe: \(message)")
        exit(ExitStatus.usage.rawValue)
    }
    exit(StandardOutput.end(run(arguments, as: frequent), of: "gwe"))
case .commands(let commands, let notes):
    for note in notes { tell(note) }
    for command in commands {
        let code = run(command)
        if code != ExitStatus.success.rawValue { exit(StandardOutput.end(code, of: "gwe")) }
    }
    exit(StandardOutput.end(ExitStatus.success.rawValue, of: "gwe"))
case .error(let message):
    tell("gwe: \(message)")
    exit(ExitStatus.usage.rawValue)
}
