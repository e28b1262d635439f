internal import CLinux
internal import Glibc

/// A program that could not be started. Reads "cannot run /opt/app/bin/app: it is built for ARM, this machine is x86-64".
public struct ProcessError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What stood in the way, as far as a caller acts on it.
    public enum Reason: Sendable, Hashable {
        /// No such program, interpreter or folder.
        case missing
        /// No x bit, or a file system mounted noexec.
        case notExecutable
        /// Not a program of this machine, or a script without `#!`.
        case wrongFormat
        /// The user is unknown, or only root may change to it. Nothing but a change of configuration helps.
        case user
        /// No memory, no process slot, no descriptor, disk full, or the agent itself is ending.
        case resources
        /// The program's file is open for writing somewhere. Also a child that another thread has just forked may hold it so,
        /// until its exec.
        case busy
        /// It could not enter its cgroup.
        case controlGroup
        /// The record of the process could not be written: see `ProcessRecord`.
        case record
        /// Something else; `words` say what.
        case other
    }

    /// What stood in the way.
    public var reason: Reason
    /// What was to be run, or the folder or user that was in the way.
    public var object: String
    /// In words, without errno's number.
    public var words: String

    /// - Parameters:
    ///   - object: what was to be run, or what was in the way.
    ///   - words: the reason, without a number.
    public init(_ reason: Reason, _ object: String, _ words: String) {
        self.reason = reason
        self.object = object
        self.words = words
    }

    /// "cannot run", the object, a colon and the reason.
    public var description: String { "cannot run \(object): \(words)" }

    /// Whether trying again without a change of configuration is useless.
    public var isPermanent: Bool { reason == .user }

    /// Whether it says nothing of the program: it may start as soon as the machine can do it.
    public var isOfMachine: Bool { reason == .resources || reason == .busy }
}

extension ProcessError {
    /// Says in words why a spawn failed at a step.
    static func spawn(_ request: SpawnRequest, path: String, step: gwe_spawn_step, code: Int32) -> ProcessError {
        let why = ProcessError.words(code)
        switch step {
        case GWE_SPAWN_DIRECTORY:
            let folder = request.directory ?? ""
            return ProcessError(code == ENOENT ? .missing : .other, path, "cannot enter folder \(folder): \(why)")
        case GWE_SPAWN_GROUPS, GWE_SPAWN_USER:
            return ProcessError(.user, path, "cannot become user \(request.user?.name ?? ""): \(why)")
        case GWE_SPAWN_RECORD:
            return ProcessError(.record, path, "cannot write the record of the process: \(why)")
        case GWE_SPAWN_CONTROL_GROUP:
            return ProcessError(.controlGroup, path, "cannot enter its control group: \(why)")
        case GWE_SPAWN_ORPHANED:
            return ProcessError(.resources, path, "the agent ended meanwhile")
        case GWE_SPAWN_EXEC:
            return exec(path: path, directory: request.directory, code: code)
        default:
            return ProcessError(.resources, path, why)
        }
    }

    private static func exec(path: String, directory: String?, code: Int32) -> ProcessError {
        let file = path.hasPrefix("/") ? path : (directory ?? ".") + "/" + path
        switch code {
        case ENOENT:
            guard access(file, F_OK) == 0 else { return ProcessError(.missing, path, "no such file") }
            if let interpreter = ProgramFile(file).interpreter {
                return ProcessError(.missing, path, "its interpreter \(interpreter) does not exist")
            }
            return ProcessError(
                .missing, path, "its loader does not exist: it is built for another C library or machine")
        case EACCES, EPERM:
            var info = stat()
            guard stat(file, &info) == 0 else { return ProcessError(.notExecutable, path, words(code)) }
            if info.st_mode & S_IFMT == S_IFDIR { return ProcessError(.notExecutable, path, "it is a folder") }
            return ProcessError(
                .notExecutable, path, ProgramFile.whyNotExecutable(file)?.words ?? "permission denied")
        case ENOEXEC:
            return ProcessError(.wrongFormat, path, ProgramFile(file).wrongFormat)
        case ELIBBAD:
            return ProcessError(.wrongFormat, path, "its loader is built for another machine")
        case ETXTBSY:
            return ProcessError(.busy, path, "\(words(code)): some process still has it open for writing")
        case EAGAIN, ENOMEM, EMFILE, ENFILE:
            return ProcessError(.resources, path, words(code))
        default:
            return ProcessError(.other, path, words(code))
        }
    }

    static func words(_ code: Int32) -> String {
        let words = String(cString: strerror(code))
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}
