internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// `gdc cfg`: reads and changes an INI file as AtomicConfigParser did.
enum GDCConfiguration {
    static func run(_ words: [String], unset: Bool) throws(GDCFailure) -> Int32 {
        guard let path = words.first else { throw .usage("expected 'gdc cfg <file> …'; see 'gdc cfg -h'") }
        let operands = Array(words.dropFirst(2))
        switch (words.dropFirst().first, operands.count) {
        case (nil, _) where !unset:
            writeAll(try read(path).text, to: STDOUT_FILENO)
        case ("get", 2) where !unset:
            let file = try read(path)
            guard file.hasSection(operands[0]) else { throw noSection(operands[0], path) }
            guard let option = file.option(operands[1], of: operands[0]) else {
                throw noOption(operands[1], operands[0], path)
            }
            emitData(option.value ?? "True")
        case ("set", 1...(unset ? 2 : 3)):
            try change(path, isSecret: operands.count == 3 && isSecret(operands[1])) { file throws(GDCFailure) in
                try apply(operands, unset: unset, to: &file, path)
            }
        default: throw .usage("expected get <section> <option>, or set <section> [<option> <value>] [-U]")
        }
        return 0
    }

    /// Options that hold a credential.
    static func isSecret(_ option: String) -> Bool {
        let name = option.lowercased()
        return name == "cik" || name.hasSuffix("token") || name.hasSuffix("password")
    }

    static func read(_ path: String) throws(GDCFailure) -> IniDocument {
        do throws(SystemError) {
            return try document(AtomicFile.read(path, limit: AtomicConfigFile.limit), path)
        } catch {
            throw failure(error)
        }
    }

    /// Changes a file that is there, in one durable step. `isSecret` takes the rights of others away.
    static func change(
        _ path: String, isSecret: Bool, _ body: (inout IniDocument) throws(GDCFailure) -> Void
    ) throws(GDCFailure) {
        do {
            try AtomicConfigFile.update(path, isSecret: isSecret) { bytes in
                var file = try document(bytes, path)
                let before = file
                try body(&file)
                return file == before && !isSecret ? nil : Array(file.text.utf8)
            }
        } catch let error as GDCFailure {
            throw error
        } catch let error as SystemError {
            // Made by hand, so that a slip in the path is no new file.
            let hint = error.code == ENOENT ? "; where it is to be a new one: 'touch \(path)' first" : ""
            let failure = failure(error)
            throw GDCFailure(code: failure.code, message: failure.message + hint)
        } catch {
            throw GDCFailure(code: ExitStatus.inputOutputError.rawValue, message: "\(error)")
        }
    }

    private static func apply(
        _ operands: [String], unset: Bool, to file: inout IniDocument, _ path: String
    ) throws(GDCFailure) {
        let section = operands[0]
        let option = operands.count > 1 ? operands[1] : nil
        if unset || option != nil {
            guard file.hasSection(section) else { throw noSection(section, path) }
        }
        if unset {
            guard let option else {
                _ = file.removeSection(section)
                return
            }
            guard file.removeOption(option, of: section) else { throw noOption(option, section, path) }
            return
        }
        do throws(IniDocument.Unwritable) {
            guard let option else { return try file.addSection(section) }
            try file.set(option, of: section, to: operands.count > 2 ? operands[2] : nil)
        } catch {
            throw .usage(error.description)
        }
    }

    private static func document(_ bytes: [UInt8], _ path: String) throws(SystemError) -> IniDocument {
        // Repaired text would change lines that nobody asked to change.
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw SystemError("read \(path) as UTF-8", code: EILSEQ)
        }
        return IniDocument(text)
    }

    private static func failure(_ error: SystemError) -> GDCFailure {
        switch error.code {
        case ENOENT, ENOTDIR: .missing(error.description)
        case EACCES, EPERM: GDCFailure(code: ExitStatus.notPermitted.rawValue, message: error.description)
        case EILSEQ, EFBIG, EINVAL, EISDIR: GDCFailure(code: ExitStatus.badInput.rawValue, message: error.description)
        default: GDCFailure(code: ExitStatus.inputOutputError.rawValue, message: error.description)
        }
    }

    private static func noSection(_ name: String, _ path: String) -> GDCFailure {
        .missing("cannot find section [\(name)] in \(path); 'gdc cfg \(path) set \(name)' makes it")
    }

    private static func noOption(_ name: String, _ section: String, _ path: String) -> GDCFailure {
        .missing("cannot find option '\(name)' in section [\(section)] of \(path)")
    }
}
