internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// The files of supervisord's programs: `conf.d/<app>.conf`.
///
/// gwe replaces and removes the files that it wrote (they say so in their first line). A file that somebody else wrote,
/// Gateway Engine for one, is read only, until gwe installs another release of just that app: then a copy of it is kept in
/// the state folder as `services/<app>.conf.before-gwe`. What else such a file defines is never lost: with a second section
/// in it, or with the program in a file of another name, the app is refused.
struct SupervisordPrograms: Sendable {
    let places: SupervisordPlaces
    /// gwe's `services/`.
    let servicesFolder: String

    static let byteLimit = 1 << 20
    static let fileLimit = 2_000

    /// Who says what of a program.
    enum Definition: Sendable, Hashable {
        case none
        case own(text: String)
        case foreign(text: String)
        /// Not gwe's to replace; why.
        case entangled(String)
    }

    func path(_ app: AppName) -> String { "\(places.programFolder)/\(app)\(places.suffix)" }
    func backupPath(_ app: AppName) -> String { "\(servicesFolder)/\(app).conf.before-gwe" }

    func text(_ app: AppName) throws(SupervisordFailure) -> String? { try text(of: path(app)) }

    private func text(of path: String) throws(SupervisordFailure) -> String? {
        do throws(SystemError) {
            return String(decoding: try AtomicFile.read(path, limit: SupervisordPrograms.byteLimit), as: UTF8.self)
        } catch {
            if error.code == ENOENT { return nil }
            throw .file("\(error)")
        }
    }

    func definition(_ app: AppName) throws(SupervisordFailure) -> Definition {
        if let text = try text(app) {
            if SupervisordProgram.release(of: text) != nil { return .own(text: text) }
            let (names, isAlone) = SupervisordProgram.programs(in: text)
            guard isAlone, names.allSatisfy({ $0 == app.text }) else {
                return .entangled("cannot replace \(path(app)): gwe did not write it, and it defines more than \(app)")
            }
            return .foreign(text: text)
        }
        if let file = try foreignPrograms()[app] {
            return .entangled("cannot write \(path(app)): \(file) defines the program \(app) already")
        }
        return .none
    }

    /// The programs that files define which gwe did not write, and in which file.
    func foreignPrograms() throws(SupervisordFailure) -> [AppName: String] {
        let names: [String]
        do throws(SystemError) { names = try FileTree.list(places.programFolder) } catch {
            if error.code == ENOENT { return [:] }
            throw .file("\(error)")
        }
        var found: [AppName: String] = [:]
        for name in names.sorted().prefix(SupervisordPrograms.fileLimit)
        where name.hasSuffix(places.suffix) && !name.hasPrefix(".") {
            let path = "\(places.programFolder)/\(name)"
            guard let text = try? text(of: path), SupervisordProgram.release(of: text) == nil else { continue }
            for app in SupervisordProgram.programs(in: text).names.compactMap(AppName.init) { found[app] = path }
        }
        return found
    }

    /// Writes an app's program, after a copy of what gwe did not write. A crash leaves the old file or the new one, whole.
    func write(_ text: String, of app: AppName, over before: Definition) throws(SupervisordFailure) {
        do throws(SystemError) {
            if case .foreign(let old) = before, !FileTree.exists(backupPath(app)) {
                try AtomicFile.write(old, to: backupPath(app), mode: 0o600)
            }
            FaultPoint.pass("supervisord.backedup")
            _ = try FileTree.makeDirectory(places.programFolder)
            // Its environment may hold secrets.
            try AtomicFile.write(text, to: path(app), mode: 0o600)
            FaultPoint.pass("supervisord.written")
        } catch {
            throw .file("\(error)")
        }
    }

    /// Brings back what was there before `write`.
    func restore(_ before: Definition, of app: AppName) throws(SupervisordFailure) {
        do throws(SystemError) {
            switch before {
            case .none, .entangled: _ = try FileTree.removeFile(path(app))
            // Who could not read a foreign one before must not do so now.
            case .own(let text), .foreign(let text): try AtomicFile.write(text, to: path(app), mode: 0o600)
            }
        } catch {
            throw .file("\(error)")
        }
    }

    /// Takes an app's program away, with a copy of what gwe did not write.
    func remove(_ app: AppName) throws(SupervisordFailure) {
        let before = try definition(app)
        do throws(SystemError) {
            switch before {
            case .none, .entangled: return
            case .foreign(let text): try AtomicFile.write(text, to: backupPath(app), mode: 0o600)
            case .own: break
            }
            _ = try FileTree.removeFile(path(app))
        } catch {
            throw .file("\(error)")
        }
    }
}
