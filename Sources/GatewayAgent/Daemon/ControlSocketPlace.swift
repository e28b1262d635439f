internal import GatewayModel
internal import GatewaySystem
internal import Glibc

/// Where the daemon's socket is: `run/gwe.sock` of the state folder, or in memory while that takes no writes, so that a
/// gateway on storage that went read-only can still be asked and told.
enum ControlSocketPlace {
    private static let name = "gwe.sock"

    /// Makes the socket. A path that is too long for one is no reason to go elsewhere.
    static func make<Result>(
        _ folders: Folders, _ body: (String) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let path = folders.socketFile
        guard path.utf8.count <= 107 else {
            throw SystemError(
                "listen on \(path), whose \(path.utf8.count) bytes exceed 107: choose a shorter --state-dir",
                code: ENAMETOOLONG)
        }
        return try RunFolders(stateFolder: folders.stateFolder).make(name) {
            (path: String) throws(SystemError) -> Result in
            try FileTree.makeRoom(forSocket: path)
            return try body(path)
        }
    }

    /// Where to connect: the one that answers; the usual one where none does.
    static func find(_ folders: Folders) -> String {
        let usual = folders.socketFile
        if FileTree.exists(usual), FileTree.canConnect(usual) != .nobody { return usual }
        guard let other = RunFolders(stateFolder: folders.stateFolder).inMemory(name), FileTree.exists(other),
            FileTree.canConnect(other) != .nobody
        else { return usual }
        return other
    }
}
