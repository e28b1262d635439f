internal import ArgumentParser
internal import Documents
internal import GatewayAgent
internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Runs a command's body; an error goes to standard error as `gwe: …` and becomes an exit code of sysexits.h.
func exitingOnError<Value>(_ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch let exit as ExitCode {
        throw exit
    } catch {
        let code = (error as? SystemError)?.code
        let isForbidden = (code == EACCES || code == EPERM) && geteuid() != 0
        tell("gwe: \(error)" + (isForbidden ? "; use sudo" : ""))
        throw ExitCode(configurationExitCode(for: error))
    }
}

/// 64 usage, 65 bad input, 66 no input, 74 input or output failed, 75 locked by another, 77 not permitted, 78 bad
/// configuration.
private func configurationExitCode(for error: any Error) -> Int32 {
    switch error {
    case ConfigurationChangeError.badValue: 64
    case is ConfigurationChangeError, is DocumentErrors, is DocumentError, is IdentityError: 78
    case let error as SystemError:
        switch error.code {
        case EACCES, EPERM, EROFS: 77
        case ENOENT, ENOTDIR: 66
        case EAGAIN: 75
        default: 74
        }
    default: 1
    }
}
