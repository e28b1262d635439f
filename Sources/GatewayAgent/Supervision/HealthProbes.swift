internal import GatewayModel
internal import GatewaySystem

/// Makes one health check of a service. Blocks its thread until the check has ended, for at most about its timeout.
struct HealthProbes: Sendable {
    enum Outcome: Sendable, Hashable {
        case passed
        case failed(String)
        /// It could not be made, for want of something that is the agent's.
        case skipped
    }

    /// Of a connection and an answer.
    static let networkTimeout = Duration.seconds(5)
    /// Of a command: Docker's default. On a slow gateway an interpreter alone takes seconds to start.
    static let commandTimeout = Duration.seconds(30)

    /// What every service gets; the definition's own variables come on top.
    var environment: [String: String]
    /// Trusted roots for https, in place of the system's.
    var caFile: String?
    var networkTimeout = HealthProbes.networkTimeout
    var commandTimeout = HealthProbes.commandTimeout

    func run(_ probe: HealthCheck.Probe, of definition: ServiceDefinition) -> Outcome {
        do throws(ProbeFailure) {
            switch probe {
            case .http(let url):
                let status = try HealthProbe.http(url, timeout: networkTimeout, caFile: caFile)
                return (200..<400).contains(status) ? .passed : .failed("answered \(status)")
            case .tcp(let host, let port):
                try HealthProbe.tcp(host: host, port: port, timeout: networkTimeout)
                return .passed
            case .command(let command):
                return run(command, definition)
            }
        } catch {
            return error.isOurs ? .skipped : .failed(error.description)
        }
    }

    /// Runs a command as the service itself is run: its user, folder and environment, no shell. It has a session of its own,
    /// and is ended with its group when its time is over, or when the agent ends.
    private func run(_ command: String, _ definition: ServiceDefinition) -> Outcome {
        let words: [String]
        do throws(ShellWords.Failure) { words = try ShellWords.split(command) } catch { return .failed(error.message) }
        guard let program = words.first else { return .failed("the command is empty") }
        do throws(ProcessError) {
            let user = try definition.user.map { name throws(ProcessError) in try UserIdentity(name) }
            let inherited = ChildEnvironment.of(environment, isClean: definition.hasCleanEnvironment)
            let ran = try ChildProcess.run(
                program, Array(words.dropFirst()),
                environment: inherited.merging(user?.environment ?? [:]) { $1 }.merging(definition.environment) { $1 },
                directory: definition.directory, timeout: commandTimeout, killDelay: .seconds(2), outputLimit: 4_096,
                user: user)
            if ran.succeeded { return .passed }
            let why = ran.timedOut ? "no end within \(commandTimeout.components.seconds) s" : ran.exitInWords
            return .failed(ran.lastLine.map { "\(why): \($0)" } ?? why)
        } catch {
            return error.isOfMachine ? .skipped : .failed(error.description)
        }
    }
}
