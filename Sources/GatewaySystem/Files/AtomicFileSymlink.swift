internal import Glibc

extension AtomicFile {
    /// What a step that looks before it acts found to do.
    public enum Outcome: Sendable, Hashable {
        case alreadySatisfied
        case replaced
    }

    /// Makes `path` a symlink with the text `target`, replacing a symlink or file that is there in one rename.
    ///
    /// When this returns, the link survives power loss, unless it need not be durable because a sync of the whole file system
    /// follows before anybody relies on it. When it throws, or the process is killed, the old link is
    /// whole, and at most a link `.<name>.new` lies beside it, which the next call removes. A folder at `path` is
    /// an error (EISDIR). The caller serialises calls for one path; `target` need not exist.
    @discardableResult
    public static func replaceSymlink(
        at path: String, pointingTo target: String, isDurable: Bool = true
    ) throws(SystemError) -> Outcome {
        let place = try PathParts(path)
        let folder = try OpenFile(path: place.parent, flags: O_RDONLY | O_DIRECTORY)
        if FileTree.linkTarget(place.name, in: folder.descriptor) == Array(target.utf8) {
            // An earlier run may have been killed between the rename and this.
            if isDurable { try folder.sync(named: place.parent) }
            return .alreadySatisfied
        }
        let temporary = ".\(place.name).new"
        guard unlinkat(folder.descriptor, temporary, 0) == 0 || errno == ENOENT else {
            throw .last("remove leftover link of \(path)")
        }
        guard symlinkat(target, folder.descriptor, temporary) == 0 else { throw .last("create link \(path)") }
        guard renameat(folder.descriptor, temporary, folder.descriptor, place.name) == 0 else {
            let error = SystemError.last("replace link \(path)")
            unlinkat(folder.descriptor, temporary, 0)
            throw error
        }
        if isDurable { try folder.sync(named: place.parent) }
        return .replaced
    }
}
