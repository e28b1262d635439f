internal import Glibc

/// What a program needs of this machine before it can be started, looked at without starting it: the interpreter that its
/// first line names, the loader that its ELF file names, a processor of its kind.
public struct ProgramNeeds: Sendable {
    /// Interpreters that call one another, as deep as the kernel follows them (execve(2)).
    private static let depth = 4

    private let ownFolders: [String]
    private let searchPath: String

    /// - Parameters:
    ///   - ownFolders: what lies below these comes with the program: nothing there is this machine's to have.
    ///   - searchPath: the PATH that the program is started with; empty where that is not known.
    public init(ownFolders: [String], searchPath: String) {
        self.ownFolders = ownFolders
        self.searchPath = searchPath
    }

    /// What is missing, the cause first, then the cure. nil when nothing is; also when the file is not there or is no
    /// program, which says nothing of the machine.
    /// - Parameter name: what people know the file by.
    public func missing(of file: String, called name: String) -> String? {
        var (file, name) = (file, name)
        for _ in 0..<ProgramNeeds.depth {
            let program = ProgramFile(file)
            let words = program.interpreterLine
            guard let interpreter = words.first else { return missing(ofELF: program, file, called: name) }
            // A relative path, or one that ends in a carriage return, is the package's mistake.
            guard interpreter.hasPrefix("/"), interpreter.utf8.last != 13, !isOwn(interpreter) else { return nil }
            if isMissing(interpreter) {
                return "\(interpreter) is missing, which \(name) names as its interpreter: install it, or build the "
                    + "package for another"
            }
            if interpreter.hasSuffix("/env"), let wanted = ProgramNeeds.program(ofEnv: words.dropFirst()),
                let words = missing(inPath: wanted, neededBy: name)
            {
                return words
            }
            (file, name) = (interpreter, interpreter)
        }
        return nil
    }

    /// Says that PATH leads to no program of that name; nil when it does, and where that cannot be told.
    public func missing(inPath program: String, neededBy name: String) -> String? {
        let folders = searchPath.split(separator: ":").map(String.init)
        guard !folders.isEmpty, folders.allSatisfy({ $0.hasPrefix("/") && !isOwn($0) }),
            folders.allSatisfy({ isMissing("\($0)/\(program)") })
        else { return nil }
        return
            "\(program) is missing in PATH (\(searchPath)), which \(name) needs: install it, or build the package for "
            + "another"
    }

    /// What env(1) is to run. The kernel hands it all words as one, which only `-S` takes apart.
    private static func program(ofEnv words: ArraySlice<String>) -> String? {
        let isSplit = words.first == "-S"
        let words = isSplit ? words.dropFirst() : words
        guard let program = words.first, isSplit || words.count == 1 else { return nil }
        let isPlain = !program.hasPrefix("-") && !program.contains("=") && !program.contains("/")
        return isPlain && program.utf8.last != 13 ? program : nil
    }

    private func missing(ofELF program: ProgramFile, _ file: String, called name: String) -> String? {
        guard let machine = program.machine, let own = ProgramFile("/proc/self/exe").machine else { return nil }
        if machine != own, !ProgramNeeds.isSister(machine, own) {
            // Emulators may be registered for what is foreign.
            if ProgramNeeds.hasForeignFormats { return nil }
            return "this machine is \(own), and \(name) is built for \(machine): a package for \(own) is needed"
        }
        guard let loader = ProgramFile.loader(of: file), loader.hasPrefix("/"), !isOwn(loader), isMissing(loader) else {
            return nil
        }
        return "\(loader) is missing, which \(name) names as its loader: install that C library, or build the package "
            + "for the one that is here"
    }

    /// Whether a kernel of one kind may run programs of the other: then the loader decides.
    private static func isSister(_ machine: String, _ own: String) -> Bool {
        [["x86", "x86-64"], ["ARM", "ARM 64"], ["PowerPC", "PowerPC 64"]].contains { Set($0) == [machine, own] }
    }

    /// Whether the kernel was told of programs that it cannot run itself (binfmt_misc).
    private static var hasForeignFormats: Bool {
        let names = (try? FileTree.list("/proc/sys/fs/binfmt_misc")) ?? []
        return names.contains { $0 != "register" && $0 != "status" }
    }

    private func isOwn(_ path: String) -> Bool { ownFolders.contains { path == $0 || path.hasPrefix($0 + "/") } }

    private func isMissing(_ path: String) -> Bool {
        access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)
    }
}
